package differential

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/test/oracle"
)

// Input is what both sides are asked: a source, and the world around it.
type Input struct {
	Options oracle.Options
	Object  *Object
	// Gateway is the parent of a ListenerSet, or nil where there is none.
	Gateway *Object
	// Others are further sources of the namespace.
	Others []*Object
	// Existing are the Certificates of the namespace, with their managedFields.
	Existing []*unstructured.Unstructured
}

func (in *Input) clone() *Input {
	out := *in
	out.Object, out.Gateway = in.Object.clone(), in.Gateway.clone()
	out.Existing = slices.Clone(in.Existing) // nobody changes those
	return &out
}

// owner is the uid of the controller owner of a Certificate.
func owner(certificate *unstructured.Unstructured) string {
	for _, reference := range certificate.GetOwnerReferences() {
		if reference.Controller != nil && *reference.Controller {
			return string(reference.UID)
		}
	}
	return ""
}

// documents are all objects of the input, as a user would give them to plan.
func (in *Input) documents() []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, object := range append([]*Object{in.Gateway, in.Object}, in.Others...) {
		if object != nil {
			out = append(out, object.manifest())
		}
	}
	return append(out, in.Existing...)
}

// YAML prints an input so that a person can read it, and give it to plan.
func (in *Input) YAML() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# flags: %+v\n", in.Options)
	for _, document := range in.documents() {
		content, err := yaml.Marshal(document.Object)
		if err != nil {
			content = []byte("# " + err.Error())
		}
		fmt.Fprintf(&b, "---\n%s", content)
	}
	return b.String()
}
