package differential

import (
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
	"github.com/certshim/certshim/source"
	"github.com/certshim/certshim/test/oracle"
)

// ours asks certshim about an input, does what it decides, and gives the Certificates that
// exist then.
func ours(in *Input) (certificates, error) {
	outcome, err := decided(in, false)
	if err != nil {
		return nil, err
	}
	after, err := existing(in)
	if err != nil {
		return nil, err
	}
	for _, decision := range outcome.Certificates {
		if err := execute(decision, in, after); err != nil {
			return nil, fmt.Errorf("%s %s: %w", decision.Action, decision.Name, err)
		}
	}
	return after, nil
}

// decided decides as the controller does: first by what is kept of the Certificates, and again
// with the live objects where a decision asks for them.
func decided(in *Input, offline bool) (certshim.Outcome, error) {
	policy, err := policyOf(in.Options)
	if err != nil {
		return certshim.Outcome{}, err
	}
	policy.Offline = offline
	known := inventory.New(&policy, inventory.Options{})
	if err := tell(known, in); err != nil {
		return certshim.Outcome{}, err
	}
	manifest := in.Object.manifest()
	kind := source.GroupKind{Group: manifest.GroupVersionKind().Group, Kind: manifest.GetKind()}
	look := known.Look(inventory.NewKey(kind, manifest.GetNamespace(), manifest.GetName()))
	defer look.Close()
	object, _ := look.Object()
	if offline {
		readLive(look, in.Existing)
	}
	outcome := certshim.Decide(&policy, object, look)
	if !offline && slices.ContainsFunc(outcome.Certificates, func(d certificate.Decision) bool { return d.NeedsLive }) {
		readLive(look, in.Existing)
		outcome = certshim.Decide(&policy, object, look)
	}
	return outcome, nil
}

// tell tells an inventory all of an input: there are no other sources and Certificates.
// Nothing is known of issuers and Namespaces, of which cert-manager's shims read none.
func tell(known *inventory.Inventory, in *Input) error {
	known.Know(inventory.CertificateKind(), inventory.Whole)
	for _, kind := range source.Builtin().All() {
		known.Know(resolver.GroupKind(source.GroupKindOf(kind)), inventory.Whole)
	}
	for _, object := range append([]*Object{in.Object, in.Gateway}, in.Others...) {
		if object == nil {
			continue
		}
		manifest := object.manifest()
		kind, _ := source.Builtin().Lookup(manifest.GroupVersionKind().Group, object.Kind)
		if err := takeIn(known.Sources(kind), manifest); err != nil {
			return fmt.Errorf("%s %s: %w", object.Kind, object.Name, err)
		}
	}
	for _, existing := range in.Existing {
		if err := takeIn(known.Certificates(), existing.DeepCopy()); err != nil {
			return fmt.Errorf("certificate %s: %w", existing.GetName(), err)
		}
	}
	return nil
}

func takeIn(intake inventory.Intake, object *unstructured.Unstructured) error {
	packed, err := intake.Pack(object)
	if err != nil {
		return err
	}
	intake.Put(packed)
	return nil
}

// readLive reads Certificates from the server.
func readLive(look *inventory.Look, existing []*unstructured.Unstructured) {
	for _, object := range existing {
		live := certificate.Observe(object.Object)
		live.Live = object.Object
		look.SetLive(types.NamespacedName{Namespace: live.Namespace, Name: live.Name}, &live)
	}
}

func execute(decision certificate.Decision, in *Input, after certificates) error {
	i := slices.IndexFunc(in.Existing, func(u *unstructured.Unstructured) bool { return u.GetName() == decision.Name })
	switch decision.Action {
	case certificate.Create:
		if i >= 0 {
			return fmt.Errorf("it exists")
		}
		made, err := applied(nil, decision.Config, certshimManager, false)
		if err != nil {
			return err
		}
		return after.put(made)
	case certificate.Apply:
		made, err := takenOver(in.Existing[i], decision)
		if err != nil {
			return err
		}
		return after.put(made)
	case certificate.Delete:
		delete(after, decision.Name)
	default: // nothing is written
	}
	return nil
}

func takenOver(live *unstructured.Unstructured, decision certificate.Decision) (*unstructured.Unstructured, error) {
	var err error
	if decision.TakeOver != nil {
		if live, err = patched(live, decision.TakeOver); err != nil {
			return nil, err
		}
	}
	if decision.Unchanged {
		return live, nil
	}
	return applied(live, decision.Config, certshimManager, decision.Force)
}

var registries sync.Map // of *resolver.Registry, by defaults

// policyOf is what the flags make of the controller.
func policyOf(options oracle.Options) (certshim.Policy, error) {
	registry, err := registryOf(options)
	if err != nil {
		return certshim.Policy{}, err
	}
	labels, err := annotations.NewLabels(nil, nil)
	if err != nil {
		return certshim.Policy{}, fmt.Errorf("labels: %w", err)
	}
	return certshim.Policy{
		Kinds:          source.Builtin(),
		Parser:         annotations.NewParser(annotations.Options{AutoKeys: options.AutoAnnotations, ExtraKeys: options.ExtraAnnotations}),
		Registry:       registry,
		AutoKinds:      []string{ingressKind},
		ExtraProtocols: options.ExtraProtocols,
		Certificate:    certificate.Policy{Labels: labels},
	}, nil
}

func registryOf(options oracle.Options) (*resolver.Registry, error) {
	defaults := resolver.Defaults{Name: options.DefaultIssuerName, Kind: options.DefaultIssuerKind, Group: options.DefaultIssuerGroup}
	if known, found := registries.Load(defaults); found {
		return known.(*resolver.Registry), nil
	}
	shipped, err := resolver.Shipped()
	if err != nil {
		return nil, fmt.Errorf("the issuer catalogue: %w", err)
	}
	registry, err := resolver.NewRegistry(defaults, shipped)
	if err != nil {
		return nil, fmt.Errorf("the registry: %w", err)
	}
	registries.Store(defaults, registry)
	return registry, nil
}
