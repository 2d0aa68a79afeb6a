package inventory

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
)

// fill gives every field of a value, and of what it holds, a value of its own, so that a field
// that is added later is filled in too.
func fill(t testing.TB, v reflect.Value, path string) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(path)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(len(path)))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(len(path)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{"a", "b"} {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(t, value, path+"["+key+"]")
			v.SetMapIndex(reflect.ValueOf(key), value)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("%s is a %s, which fill knows nothing of", path, v.Type())
	}
}

// fullSource has a value in every field.
func fullSource(t testing.TB) *source.Object {
	t.Helper()
	object := &source.Object{}
	fill(t, reflect.ValueOf(object).Elem(), "object")
	return object
}

func TestPackedSourceIsTheSameAgain(t *testing.T) {
	for name, object := range map[string]*source.Object{"full": fullSource(t), "least": {Ref: source.Ref{Name: "web"}}} {
		got, unreadable := packSource(object, nil).unpack()
		if unreadable != "" {
			t.Errorf("%s: unreadable: %s", name, unreadable)
		}
		if diff := cmp.Diff(object, got); diff != "" {
			t.Errorf("%s: (-packed +unpacked)\n%s", name, diff)
		}
	}
}

func TestUnreadableSourceKeepsItsIdentity(t *testing.T) {
	full := fullSource(t)
	got, unreadable := packSource(full, errors.New("spec.tls: not a list")).unpack()
	if unreadable != "spec.tls: not a list" || got.Ref != full.Ref || got.Entries != nil {
		t.Errorf("got %+v, %q", got, unreadable)
	}
}

func TestPackedCertificateIsTheSameAgain(t *testing.T) {
	var want certificate.Observed
	fill(t, reflect.ValueOf(&want.Owner).Elem(), "owner")
	fill(t, reflect.ValueOf(&want.Issuer).Elem(), "issuer")
	fill(t, reflect.ValueOf(&want.Have).Elem(), "have")
	want.Namespace, want.Name, want.UID, want.ResourceVersion, want.Secret = "shop", "web", "u", "9", "web-tls"
	want.Tie, want.Respected = "networking.k8s.io/Ingress:shop/web for=shop/web", ".spec.duration=0123456789ab"
	want.Flags, want.Others = certificate.Applied|certificate.OthersHold, 7
	want.Standing = certificate.Standing{Ours: 1, Shared: 2, Foreign: 3, Untracked: 4, Unserved: 5}
	want.Routed = &certificate.Routed{Record: "{}", Names: []string{"a.example.com"}, Owned: true, Wrote: time.Unix(1, 0).UTC(), Renews: time.Unix(2, 0).UTC(), Failing: true}
	want.Held = &certificate.Held{Keys: []string{"corp.example/profile"}, Copies: map[string]string{"corp.example/profile": "web"}, Spec: map[string]any{"duration": "24h0m0s"}}
	if diff := cmp.Diff(want, packCertificate(want).unpack()); diff != "" {
		t.Error("(-packed +unpacked)", diff)
	}
	// What is kept of a Certificate is all of Observed but the live object, and what this process has seen happen to it.
	value := reflect.ValueOf(want)
	for i := range value.NumField() {
		if field := value.Type().Field(i).Name; value.Field(i).IsZero() && !slices.Contains([]string{"Live", "Before", "Fights"}, field) {
			t.Errorf("%s isn't filled in", field)
		}
	}
}

func TestPackedNamespaceIsTheSameAgain(t *testing.T) {
	labels, annotations := map[string]string{"team": "shop"}, map[string]string{"cert-manager.io/issuer": "ca"}
	gotLabels, gotAnnotations := packNamespace(&metav1.ObjectMeta{Name: "shop", UID: "u", ResourceVersion: "7", Labels: labels}, annotations).unpack()
	if diff := cmp.Diff([]map[string]string{labels, annotations}, []map[string]string{gotLabels, gotAnnotations}); diff != "" {
		t.Error("(-packed +unpacked)", diff)
	}
}

// The stores of informers take keys and versions through meta.Accessor.
func TestCompactObjectsFitTheStore(t *testing.T) {
	object := &source.Object{Ref: source.Ref{Namespace: "shop", Name: "web", UID: "u"}, ResourceVersion: "12"}
	item := packSource(object, nil)
	if storeKey, err := cache.MetaNamespaceKeyFunc(item); err != nil || storeKey != "shop/web" {
		t.Errorf("key is %q, %v", storeKey, err)
	}
	accessor, err := meta.Accessor(item)
	if err != nil || accessor.GetResourceVersion() != "12" || accessor.GetUID() != "u" {
		t.Errorf("accessor: %v, %v", accessor, err)
	}
}

func TestOnlyWhatDecisionsReadMakesAVersionDiffer(t *testing.T) {
	pack := func(change func(*source.Object)) *compact {
		object := fullSource(t)
		change(object)
		return &packSource(object, nil).compact
	}
	before := pack(func(*source.Object) {})
	tests := map[string]struct {
		change func(*source.Object)
		same   bool
	}{
		"status":      {func(o *source.Object) { o.ResourceVersion = "13" }, true},
		"annotation":  {func(o *source.Object) { o.Annotations["x"] = "y" }, false},
		"label":       {func(o *source.Object) { o.Labels["x"] = "y" }, false},
		"host":        {func(o *source.Object) { o.Entries[0].Hosts[0] = "c" }, false},
		"undeleted":   {func(o *source.Object) { o.Deleting = false }, false},
		"recreated":   {func(o *source.Object) { o.UID = "v" }, false},
		"other owner": {func(o *source.Object) { o.Parent.Name = "other" }, false},
	}
	for name, tt := range tests {
		if got := before.same(pack(tt.change)); got != tt.same {
			t.Errorf("%s: same is %v, want %v", name, got, tt.same)
		}
	}
}

func TestAStrangersCertificateShowsItsIdentityAlone(t *testing.T) {
	var o certificate.Observed
	o.Name, o.Issuer, o.Flags = "web", resolver.Ref{Name: "ca"}, certificate.Applied|certificate.Deleting
	o.Live = map[string]any{}
	want := certificate.Observed{Name: "web", Flags: certificate.Deleting}
	if diff := cmp.Diff(want, identity(o)); diff != "" {
		t.Error("(-want +got)", diff)
	}
}

// FuzzUnpack: bytes that no packer wrote never panic, and what is read from them packs and
// unpacks to the same again.
func FuzzUnpack(f *testing.F) {
	f.Add(packSource(fullSource(f), nil).packed)
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	f.Fuzz(func(t *testing.T, packed string) {
		item := packSource(&source.Object{}, nil)
		item.packed = packed
		first, unreadable := item.unpack()
		if unreadable != "" {
			return
		}
		again, _ := packSource(first, nil).unpack()
		if diff := cmp.Diff(first, again); diff != "" {
			t.Error("(-first +again)", diff)
		}
	})
}
