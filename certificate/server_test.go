package certificate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields/managedfieldstest"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/certshim/certshim/certificate"
)

// server runs the API server's own server-side apply on one Certificate in memory, with the
// granularity of cert-manager's CRD.
type server struct {
	fields managedfieldstest.TestFieldManager
	// exists is false before the first write; version is the resourceVersion.
	exists  bool
	version int
	writes  int
}

var certificateKind = schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}

var errExists = errors.New("the object exists: nothing is created")

func newServer() *server {
	return &server{fields: managedfieldstest.NewTestFieldManager(crdTypes(), certificateKind), version: 1}
}

// crdSchema is the part of the CRD that we write: lists of the spec are atomic, maps granular,
// owners keyed by uid.
const crdSchema = `types:
- name: certificate
  map:
    fields:
    - {name: apiVersion, type: {scalar: string}}
    - {name: kind, type: {scalar: string}}
    - {name: metadata, type: {namedType: meta}}
    - {name: spec, type: {namedType: spec}}
    - {name: status, type: {namedType: texts}}
- name: texts
  map: {elementType: {scalar: string}}
- name: atoms
  list: {elementType: {scalar: string}, elementRelationship: atomic}
- name: meta
  map:
    fields:
    - {name: name, type: {scalar: string}}
    - {name: namespace, type: {scalar: string}}
    - {name: uid, type: {scalar: string}}
    - {name: resourceVersion, type: {scalar: string}}
    - {name: labels, type: {namedType: texts}}
    - {name: annotations, type: {namedType: texts}}
    - {name: finalizers, type: {list: {elementType: {scalar: string}, elementRelationship: associative}}}
    - {name: ownerReferences, type: {list: {elementType: {namedType: owner}, elementRelationship: associative, keys: [uid]}}}
    - {name: managedFields, type: {list: {elementType: {namedType: __untyped_atomic_}, elementRelationship: atomic}}}
- name: owner
  map:
    elementRelationship: atomic
    fields:
    - {name: apiVersion, type: {scalar: string}}
    - {name: kind, type: {scalar: string}}
    - {name: name, type: {scalar: string}}
    - {name: uid, type: {scalar: string}}
    - {name: controller, type: {scalar: boolean}}
    - {name: blockOwnerDeletion, type: {scalar: boolean}}
- name: spec
  map:
    fields:
    - {name: secretName, type: {scalar: string}}
    - {name: commonName, type: {scalar: string}}
    - {name: duration, type: {scalar: string}}
    - {name: renewBefore, type: {scalar: string}}
    - {name: renewBeforePercentage, type: {scalar: numeric}}
    - {name: revisionHistoryLimit, type: {scalar: numeric}}
    - {name: isCA, type: {scalar: boolean}}
    - {name: dnsNames, type: {namedType: atoms}}
    - {name: ipAddresses, type: {namedType: atoms}}
    - {name: uris, type: {namedType: atoms}}
    - {name: emailAddresses, type: {namedType: atoms}}
    - {name: usages, type: {namedType: atoms}}
    - {name: issuerRef, type: {namedType: texts}}
    - name: privateKey
      type:
        map:
          fields:
          - {name: algorithm, type: {scalar: string}}
          - {name: encoding, type: {scalar: string}}
          - {name: rotationPolicy, type: {scalar: string}}
          - {name: size, type: {scalar: numeric}}
    - name: subject
      type:
        map:
          elementType: {namedType: atoms}
          fields:
          - {name: serialNumber, type: {scalar: string}}
    - name: secretTemplate
      type:
        map:
          fields:
          - {name: annotations, type: {namedType: texts}}
          - {name: labels, type: {namedType: texts}}
- name: __untyped_atomic_
  scalar: untyped
  list: {elementType: {namedType: __untyped_atomic_}, elementRelationship: atomic}
  map: {elementType: {namedType: __untyped_atomic_}, elementRelationship: atomic}
`

// types converts objects to values of the schema and back.
type types struct{ certificate typed.ParseableType }

func crdTypes() types {
	parser, err := typed.NewParser(crdSchema)
	if err != nil {
		panic(fmt.Sprintf("the test's own schema: %v", err))
	}
	return types{parser.Type("certificate")}
}

func (c types) ObjectToTyped(object runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	return c.certificate.FromUnstructured(object.(*unstructured.Unstructured).Object, options...)
}

func (c types) TypedToObject(value *typed.TypedValue) (runtime.Object, error) {
	return &unstructured.Unstructured{Object: value.AsValue().Unstructured().(map[string]any)}, nil
}

// object returns the Certificate as a client gets it, nil before it exists.
func (s *server) object() map[string]any {
	if !s.exists {
		return nil
	}
	u := s.fields.Live().(*unstructured.Unstructured)
	u.SetName("web-tls")
	u.SetNamespace("shop")
	u.SetUID("certificate-uid")
	u.SetResourceVersion(strconv.Itoa(s.version))
	return u.Object
}

// wrote counts a request that changed something.
func (s *server) wrote(before map[string]any) {
	s.exists = true
	if !reflect.DeepEqual(before, s.object()) {
		s.version++
		s.writes++
	}
}

// apply does a server-side apply.
func (s *server) apply(manager string, config map[string]any, force bool) error {
	before := s.object()
	u := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(config)}
	if err := s.fields.Apply(u, manager, force); err != nil {
		return err
	}
	s.wrote(before)
	return nil
}

// update does a PUT of the object after change has edited it.
func (s *server) update(manager string, change func(object map[string]any)) error {
	before := s.object()
	u := s.fields.Live().(*unstructured.Unstructured)
	change(u.Object)
	if err := s.fields.Update(u, manager); err != nil {
		return err
	}
	s.wrote(before)
	return nil
}

// patch applies the JSON patch of a take-over; it supports no others.
func (s *server) patch(text []byte) error {
	var operations []struct {
		Op, Path string
		Value    any
	}
	if err := json.Unmarshal(text, &operations); err != nil {
		return err
	}
	if len(operations) != 2 || operations[0].Path != "/metadata/managedFields" || operations[1].Path != "/metadata/resourceVersion" {
		return fmt.Errorf("the patch does more than to take over: %s", text)
	}
	for _, operation := range operations {
		if operation.Op != "replace" && operation.Op != "add" {
			return fmt.Errorf("operation %s", operation.Op)
		}
	}
	if operations[1].Value != strconv.Itoa(s.version) {
		return fmt.Errorf("the resourceVersion is %v, and was %d", operations[1].Value, s.version)
	}
	return s.update("certshim", func(object map[string]any) {
		object["metadata"].(map[string]any)["managedFields"] = operations[0].Value
	})
}

// clear removes all ownership, as a client may.
func (s *server) clear() error {
	return s.update("anybody", func(object map[string]any) {
		object["metadata"].(map[string]any)["managedFields"] = []any{map[string]any{}}
	})
}

// execute carries out a decision to create or apply, as the controller does.
func (s *server) execute(d certificate.Decision) error {
	if d.Action == certificate.Create {
		if s.exists {
			return errExists
		}
		return s.apply(certificate.FieldManager, d.Config, false)
	}
	if d.Guard.UID != "certificate-uid" {
		return fmt.Errorf("guarded by the uid %q", d.Guard.UID)
	}
	if v := d.Guard.ResourceVersion; v != "" && v != strconv.Itoa(s.version) {
		return fmt.Errorf("guarded by the resourceVersion %q, it is %d", v, s.version)
	}
	if d.TakeOver != nil {
		if err := s.patch(d.TakeOver); err != nil || d.Unchanged {
			return err
		}
	}
	return s.apply(certificate.FieldManager, d.Config, d.Force)
}

// entries returns the managedFields.
func (s *server) entries() []metav1.ManagedFieldsEntry { return s.fields.ManagedFields() }

func TestTheTestsServerAppliesAsTheAPIServer(t *testing.T) {
	s := newServer()
	config := map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"name": "web-tls", "namespace": "shop"},
		"spec": map[string]any{"duration": "1h", "dnsNames": []any{"a"}, "subject": map[string]any{"countries": []any{"DE"}, "serialNumber": "1"}},
	}
	if err := s.apply("certshim", config, false); err != nil {
		t.Fatal(err)
	}
	if err := s.update("kubectl-edit", func(o map[string]any) { o["spec"].(map[string]any)["duration"] = "2h" }); err != nil {
		t.Fatal(err)
	}
	if err := s.apply("certshim", config, false); err == nil {
		t.Error("no conflict over a field of another manager")
	}
	if got := s.entries(); len(got) != 2 || got[0].Manager != "certshim" || got[1].Manager != "kubectl-edit" {
		t.Errorf("got %v", got)
	}
	if err := s.clear(); err != nil || len(s.entries()) != 0 {
		t.Fatalf("got %v, %v", s.entries(), err)
	}
	if err := s.apply("certshim", config, false); err == nil {
		t.Error("no conflict with before-first-apply")
	}
}
