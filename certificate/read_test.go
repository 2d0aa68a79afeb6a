package certificate_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	jsonutil "k8s.io/apimachinery/pkg/util/json"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/resolver"
)

// liveJSON is a Certificate as the API server sends it, with our entry and that of its status.
func liveJSON(t testing.TB) []byte {
	t.Helper()
	object, err := os.ReadFile("testdata/live.json")
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func TestRead(t *testing.T) {
	got, err := certificate.Read(liveJSON(t))
	if err != nil {
		t.Fatal(err)
	}
	want := certificate.Observed{
		Namespace: "team-3", Name: "web-7-tls", UID: "7104e579-4093-43b5-a7a2-d3591b97111f", ResourceVersion: "74541", Secret: "web-7-tls",
		Issuer: resolver.Ref{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "company"},
		Owner:  certificate.Owner{Group: "networking.k8s.io", Kind: "Ingress", Name: "web-7", UID: "d91d7fd6-ac9f-4b57-bcfd-7a34dcfbdebc"},
		Flags:  certificate.Applied, Have: certificate.Want(appliedJSON(t)),
	}
	want.Standing.Ours = uint16(want.Have.Leaves)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// appliedJSON is what was applied to make that Certificate.
func appliedJSON(t testing.TB) map[string]any {
	t.Helper()
	var config map[string]any
	if err := jsonutil.Unmarshal(liveJSON(t), &config); err != nil {
		t.Fatal(err)
	}
	delete(config, "status")
	return config
}

func TestReadsWhatJSONAllows(t *testing.T) {
	got, err := certificate.Read([]byte("{\"spec\":{\"secret\\u004eame\":\"\\u0061\\n\",\"issuerRef\":null},\n \"metadata\":{\"name\":\"\xff\",\"uid\":7,\"deletionTimestamp\":null}}"))
	want := certificate.Observed{Name: "\ufffd", Secret: "a\n", Flags: certificate.Untracked, Standing: certificate.Standing{Untracked: 2}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestReadRefuses(t *testing.T) {
	for object, want := range map[string]string{
		``:                     "EOF",
		`[]`:                   "it must be a JSON object, not [",
		`{"spec":{`:            "unexpected EOF",
		`{"metadata":{"uid":}`: "invalid character",
		`{} {}`:                "something follows the object",
	} {
		if got, err := certificate.Read([]byte(object)); err == nil || !strings.Contains(err.Error(), want) || !cmp.Equal(got, certificate.Observed{}) {
			t.Errorf("%s: %+v, %v", object, got, err)
		}
	}
}

// FuzzRead reads whatever is JSON, and what it reads doesn't depend on how that is written:
// decoded and written again, it is the same.
func FuzzRead(f *testing.F) {
	f.Add(liveJSON(f))
	f.Add([]byte(`{"spec":{"secret\u004eame":"\u0061","\u0078":[1.0,-0,1e3,4611686018427387904.0,null,true,{"a":{}}],"issuerRef":null},"metadata":{"deletionTimestamp":null}}`))
	f.Add([]byte(`{"metadata":{"annotations":{"certshim.io/from-resolver":"duration,usages"},"managedFields":[{},{"manager":"certshim","operation":"Apply",
"fieldsV1":{"f:spec":{".":{},"f:x":{}},"f:metadata":{"f:finalizers":{"v:\"a\"":{}}}}}],"finalizers":["a",1],"ownerReferences":[{"controller":true}]},"spec":{"duration":"1h","x":2}}`))
	f.Fuzz(func(t *testing.T, object []byte) {
		got, err := certificate.Read(object)
		var decoded map[string]any
		unreadable := jsonutil.Unmarshal(object, &decoded) != nil || decoded == nil
		if _, twice := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowInvalidUTF8(true)).ReadValue(); unreadable || twice != nil {
			t.Skip("not an object, or with a name that occurs twice, of which the last counts")
		}
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		if diff := cmp.Diff(certificate.Observe(decoded), got); diff != "" {
			t.Errorf("-decoded +read:\n%s", diff)
		}
	})
}

// BenchmarkRead reads a Certificate of which there are thousands at every start.
func BenchmarkRead(b *testing.B) {
	object := liveJSON(b)
	b.SetBytes(int64(len(object)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := certificate.Read(object); err != nil {
			b.Fatal(err)
		}
	}
}
