package differential

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/test/oracle"
)

const (
	certshimManager = "certshim"
	shimManager     = "cert-manager-ingress-shim"
	otherManager    = "kubectl-edit"
	applierManager  = "argocd-controller"

	editedLabel    = "edited.example.com/by"
	editedDuration = "3333h0m0s"
)

// Input lives through what happened before, and gives what both sides find now.
func (c *Case) Input() (*Input, error) {
	in := &Input{Options: c.Options, Object: &c.Object, Gateway: c.Gateway}
	if c.Rival != nil {
		in.Others = append(in.Others, c.Rival)
		if c.RivalFirst {
			made, err := madeByCertshim(&Input{Options: c.Options, Object: c.Rival})
			if err != nil {
				return nil, err
			}
			in.Existing = append(in.Existing, made...)
		}
	}
	if c.Stranger && len(c.Object.names()) > 0 {
		stranger, err := strangerOf(c.Object.Namespace, c.Object.names()[0])
		if err != nil {
			return nil, err
		}
		in.Existing = append(in.Existing, stranger)
	}
	existing, err := c.history(in)
	in.Existing = append(in.Existing, existing...)
	return in, err
}

// history makes the Certificates of Before, and lets other people at them.
func (c *Case) history(now *Input) ([]*unstructured.Unstructured, error) {
	if c.Before == nil {
		return nil, nil
	}
	before := now.clone()
	before.Object = c.Before
	make := madeByCertshim
	if c.ByShim {
		make = madeByShim
	}
	existing, err := make(before)
	if err != nil {
		return nil, err
	}
	for _, edit := range c.Edits {
		if existing, err = edit.on(existing); err != nil {
			return nil, err
		}
	}
	return existing, nil
}

func madeByCertshim(in *Input) ([]*unstructured.Unstructured, error) {
	outcome, err := decided(in, false)
	if err != nil {
		return nil, err
	}
	var made []*unstructured.Unstructured
	for _, decision := range outcome.Certificates {
		if decision.Config == nil {
			continue
		}
		certificate, err := applied(nil, decision.Config, certshimManager, false)
		if err != nil {
			return nil, err
		}
		made = append(made, stored(certificate))
	}
	return made, nil
}

func madeByShim(in *Input) ([]*unstructured.Unstructured, error) {
	created, err := oracle.Run(in.Options, in.Object.manifest(), in.cached()...)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	var made []*unstructured.Unstructured
	for _, typed := range created.Created {
		if badSecretName(typed.Name) {
			continue // the API server takes no such object
		}
		certificate, err := heldBy(shimManager, typed)
		if err != nil {
			return nil, err
		}
		made = append(made, certificate)
	}
	return made, nil
}

// heldBy is a Certificate that a manager wrote by an ordinary create.
func heldBy(manager string, typed runtime.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return nil, fmt.Errorf("a Certificate: %w", err)
	}
	content["apiVersion"], content["kind"] = "cert-manager.io/v1", "Certificate"
	delete(content, "status")
	unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
	empty := &unstructured.Unstructured{}
	empty.SetGroupVersionKind(certificateGVK)
	certificate, err := updated(empty, manager, func(u *unstructured.Unstructured) { u.Object = content })
	if err != nil {
		return nil, err
	}
	return stored(certificate), nil
}

// stored gives a Certificate what the server gives.
func stored(certificate *unstructured.Unstructured) *unstructured.Unstructured {
	certificate.SetUID(types.UID("uid-of-" + certificate.GetName()))
	certificate.SetResourceVersion("7")
	return certificate
}

func strangerOf(namespace, secret string) (*unstructured.Unstructured, error) {
	certificate := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "by-hand", "namespace": namespace},
		"spec":     map[string]any{"secretName": secret, "commonName": "by hand", "issuerRef": map[string]any{"name": "ca"}},
	}}
	certificate.SetGroupVersionKind(certificateGVK)
	return heldBy(otherManager, certificate)
}

// on does an edit to each of the Certificates.
func (e Edit) on(existing []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	if e == removesAll {
		return nil, nil
	}
	var out []*unstructured.Unstructured
	for _, certificate := range existing {
		edited, err := e.onOne(certificate)
		if err != nil {
			return nil, err
		}
		out = append(out, edited)
	}
	return out, nil
}

func (e Edit) onOne(certificate *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if e != appliesDuration {
		return updated(certificate, otherManager, e.edit)
	}
	config := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": certificate.GetName(), "namespace": certificate.GetNamespace()},
		"spec":     map[string]any{"duration": editedDuration},
	}}
	config.SetGroupVersionKind(certificateGVK)
	return applied(certificate, config.Object, applierManager, true)
}

func (e Edit) edit(certificate *unstructured.Unstructured) {
	content := certificate.Object
	owners := certificate.GetOwnerReferences()
	switch e {
	case addsLabel:
		set(content, "somebody", "metadata", "labels", editedLabel)
	case addsKeystore:
		set(content, true, "spec", "isCA")
	case changesSecretName:
		set(content, text(at(content, "spec"), "secretName")+"-edited", "spec", "secretName")
	case removesOwner:
		certificate.SetOwnerReferences(nil)
	case changesOwnerUID:
		owners[0].UID = "uid-of-another"
		certificate.SetOwnerReferences(owners)
	case changesOwnerKind:
		owners[0].Kind = "Service"
		certificate.SetOwnerReferences(owners)
	case removesAll, appliesDuration: // that is done elsewhere
	case changesUsages:
		set(content, []any{"code signing"}, "spec", "usages")
	case changesDuration:
		set(content, editedDuration, "spec", "duration")
	case changesHistory:
		set(content, int64(77), "spec", "revisionHistoryLimit")
	case datesOwnerVersion:
		owners[0].APIVersion += "beta1"
		certificate.SetOwnerReferences(owners)
	}
}
