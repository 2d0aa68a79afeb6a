package inventory

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A Certificate is kept alike, whether it was decoded or read from its JSON.
func TestReadKeepsWhatPackKeeps(t *testing.T) {
	data, err := os.ReadFile("../certificate/testdata/live.json")
	if err != nil {
		t.Fatal(err)
	}
	var object unstructured.Unstructured
	if err := object.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	certificates := New(nil, Options{}).Certificates()
	packed, err := certificates.Pack(&object)
	if err != nil {
		t.Fatal(err)
	}
	read, err := certificates.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(packed.(*Certificate).unpack(), read.(*Certificate).unpack()); diff != "" {
		t.Errorf("-pack +read:\n%s", diff)
	}
	if _, err := certificates.Read([]byte(`{"metadata":`)); err == nil {
		t.Error("half an object was read")
	}
}
