package controller

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

func kindOf(t testing.TB, group, kind string) source.Kind {
	t.Helper()
	k, known := source.Lookup(group, kind)
	if !known {
		t.Fatalf("%s of group %q is no kind of source", kind, group)
	}
	return k
}

func ingressKind(t testing.TB) source.Kind { return kindOf(t, "networking.k8s.io", "Ingress") }

// newSource is an Ingress in the namespace shop that names Secrets.
func newSource(t testing.TB, name string, secrets ...string) *source.Object {
	object := &source.Object{
		Ref:             source.Ref{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress", Namespace: "shop", Name: name, UID: "uid-" + name},
		ResourceVersion: "7",
	}
	for _, secret := range secrets {
		object.Entries = append(object.Entries, source.Entry{Path: "spec.tls[0]", Secrets: []source.SecretRef{{Kind: "Secret", Name: secret}}})
	}
	return object
}

func fullSource() *source.Object {
	other := "other"
	return &source.Object{
		Ref:             source.Ref{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress", Namespace: "shop", Name: "web", UID: "u"},
		ResourceVersion: "12", Generation: 3,
		Created:     time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Deleting:    true,
		Labels:      map[string]string{"a": "b", "": ""},
		Annotations: map[string]string{"cert-manager.io/issuer": "ca\x00\xff"},
		Entries: []source.Entry{
			{Section: "https", Path: "spec.listeners[0]", Hosts: []string{"a", "b"}, Protocol: "HTTPS", Mode: "Terminate", HasTLS: true,
				Secrets: []source.SecretRef{{Path: "p", Group: "g", Kind: "Secret", Name: "s", Namespace: &other}, {Name: "t"}}},
			{},
		},
		Parent:  &source.Parent{Group: "g", Kind: "Gateway", Namespace: "n", Name: "gw"},
		Allowed: &source.AllowedListeners{From: "Selector", Selector: "a=b"},
	}
}

func TestPackedSourceIsTheSameAgain(t *testing.T) {
	for name, object := range map[string]*source.Object{"full": fullSource(), "least": newSource(t, "web")} {
		got, unreadable := packSource(ingressKind(t), object, nil).unpack()
		if unreadable != "" {
			t.Errorf("%s: unreadable: %s", name, unreadable)
		}
		if diff := cmp.Diff(object, got); diff != "" {
			t.Errorf("%s: (-packed +unpacked)\n%s", name, diff)
		}
	}
}

func TestUnreadableSourceKeepsItsIdentity(t *testing.T) {
	got, unreadable := packSource(ingressKind(t), fullSource(), errors.New("spec.tls: not a list")).unpack()
	if unreadable != "spec.tls: not a list" || got.Name != "web" || got.UID != "u" || got.Entries != nil {
		t.Errorf("got %+v, %q", got, unreadable)
	}
}

func TestPackedCertificateIsTheSameAgain(t *testing.T) {
	want := certificate.Observed{
		Namespace: "shop", Name: "web-tls", UID: "u", ResourceVersion: "9", Secret: "s",
		Owner: certificate.Owner{Group: "g", Kind: "K", Name: "n", UID: "o"},
		Have:  certificate.Digest{Sum: 1 << 63, Leaves: 7}, Flags: certificate.Applied | certificate.OthersHold,
	}
	if diff := cmp.Diff(want, packCertificate(want).unpack()); diff != "" {
		t.Error("(-packed +unpacked)", diff)
	}
}

// The stores of informers take keys and versions through meta.Accessor.
func TestCompactObjectsFitTheStore(t *testing.T) {
	item := packSource(ingressKind(t), fullSource(), nil)
	if storeKey, err := cache.MetaNamespaceKeyFunc(item); err != nil || storeKey != "shop/web" {
		t.Errorf("key is %q, %v", storeKey, err)
	}
	accessor, err := meta.Accessor(item)
	if err != nil || accessor.GetResourceVersion() != "12" || accessor.GetUID() != "u" {
		t.Errorf("accessor: %v, %v", accessor, err)
	}
}

func TestSameIgnoresVersionAndGeneration(t *testing.T) {
	pack := func(change func(*source.Object)) *compact {
		object := fullSource()
		change(object)
		return &packSource(ingressKind(t), object, nil).compact
	}
	before := pack(func(*source.Object) {})
	tests := map[string]struct {
		change func(*source.Object)
		same   bool
	}{
		"status":      {func(o *source.Object) { o.ResourceVersion = "13" }, true},
		"rules":       {func(o *source.Object) { o.ResourceVersion, o.Generation = "13", 4 }, true},
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

// FuzzUnpack: bytes that no packer wrote never panic, and what is read from them packs and
// unpacks to the same again.
func FuzzUnpack(f *testing.F) {
	kind := ingressKind(f)
	f.Add(packSource(kind, fullSource(), nil).packed)
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	f.Fuzz(func(t *testing.T, packed string) {
		item := packSource(kind, newSource(t, "x"), nil)
		item.packed = packed
		first, unreadable := item.unpack()
		if unreadable != "" {
			return
		}
		again, _ := packSource(kind, first, nil).unpack()
		if diff := cmp.Diff(first, again); diff != "" {
			t.Error("(-first +again)", diff)
		}
	})
}
