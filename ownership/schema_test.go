package ownership

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	cm "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The granularity that predictions go by is that of cert-manager's types.
func TestSchemaIsThatOfCertManager(t *testing.T) {
	want := map[string]string{}
	structsOf(reflect.TypeFor[cm.CertificateSpec](), "spec", want)
	structsOf(reflect.TypeFor[cm.CertificateStatus](), "status", want)
	got := map[string]string{}
	for path, names := range structs {
		got[path] = sorted(strings.Fields(names))
	}
	// Conditions are a list with keys, which has a type of its own.
	want["status"] = strings.ReplaceAll(want["status"], "conditions[]", "conditions")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-cert-manager +ours):\n%s", diff)
	}
}

// structsOf notes the fields of a struct, and of those in it.
func structsOf(of reflect.Type, path string, into map[string]string) {
	var names []string
	for field := range fieldsOfStruct(of) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		inner := field.Type
		for inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		isText := inner == reflect.TypeFor[metav1.Time]() || inner == reflect.TypeFor[metav1.Duration]()
		switch {
		case inner.Kind() == reflect.Slice:
			name += "[]"
		case inner.Kind() == reflect.Struct && !isText:
			structsOf(inner, path+"."+name, into)
		}
		names = append(names, name)
	}
	into[path] = sorted(names)
}

// fieldsOfStruct are the fields of a struct as JSON has them.
func fieldsOfStruct(of reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for _, field := range reflect.VisibleFields(of) {
			if !field.Anonymous && !yield(field) {
				return
			}
		}
	}
}

func sorted(names []string) string {
	slices.Sort(names)
	return strings.Join(names, " ")
}
