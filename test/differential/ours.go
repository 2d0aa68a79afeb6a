package differential

import (
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
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

// decided decides as the controller does: first by what the cache keeps, and again with the
// live objects where a decision asks for them.
func decided(in *Input, offline bool) (certshim.Outcome, error) {
	policy, err := policyOf(in.Options)
	if err != nil {
		return certshim.Outcome{}, err
	}
	policy.Offline = offline
	seen := view{live: offline}
	for _, object := range append([]*Object{in.Object, in.Gateway}, in.Others...) {
		if object == nil {
			continue
		}
		reduced, err := reduce(object)
		if err != nil {
			return certshim.Outcome{}, err
		}
		seen.sources = append(seen.sources, reduced)
	}
	seen.certificates = in.Existing
	outcome := certshim.Decide(&policy, seen.sources[0], seen)
	if slices.ContainsFunc(outcome.Certificates, func(d certificate.Decision) bool { return d.NeedsLive }) {
		seen.live = true
		outcome = certshim.Decide(&policy, seen.sources[0], seen)
	}
	return outcome, nil
}

func reduce(object *Object) (*source.Object, error) {
	manifest := object.manifest()
	kind, _ := source.Lookup(manifest.GroupVersionKind().Group, object.Kind)
	reduced, err := kind.Reduce(manifest)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", object.Kind, object.Name, err)
	}
	return reduced, nil
}

func execute(decision certificate.Decision, in *Input, after certificates) error {
	i := slices.IndexFunc(in.Existing, func(u *unstructured.Unstructured) bool { return u.GetName() == decision.Name })
	switch decision.Action {
	case certificate.Create:
		if i >= 0 {
			return fmt.Errorf("it exists")
		}
		made, err := applied(nil, decision.Config, certshimManager)
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
	return applied(live, decision.Config, certshimManager)
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

// view is what a decision observes: the objects of an input. The first source is the one
// that is decided about.
type view struct {
	sources      []*source.Object
	certificates []*unstructured.Unstructured
	// live is true when decisions get whole Certificates, not only what a cache keeps.
	live bool
}

var _ certshim.Observed = view{}

func (v view) observed(match func(certificate.Observed) bool) []certificate.Observed {
	var out []certificate.Observed
	for _, object := range v.certificates {
		observed := certificate.Observe(object.Object)
		if v.live {
			observed.Live = object.Object
		}
		if match(observed) {
			out = append(out, observed)
		}
	}
	return out
}

// Certificate implements certshim.Observed.
func (v view) Certificate(namespace, name string) (certificate.Observed, bool) {
	found := v.observed(func(o certificate.Observed) bool { return o.Namespace == namespace && o.Name == name })
	if len(found) == 0 {
		return certificate.Observed{}, false
	}
	return found[0], true
}

// CertificatesOf implements certshim.Observed.
func (v view) CertificatesOf(ref source.Ref) []certificate.Observed {
	return v.observed(func(o certificate.Observed) bool {
		return o.Namespace == ref.Namespace && o.Owner.UID == ref.UID
	})
}

// CertificatesWriting implements certshim.Observed.
func (v view) CertificatesWriting(namespace, secret string) []certificate.Observed {
	return v.observed(func(o certificate.Observed) bool { return o.Namespace == namespace && o.Secret == secret })
}

// Claimants implements certshim.Observed.
func (v view) Claimants(namespace, secret string) []*source.Object {
	var out []*source.Object
	for _, object := range v.sources {
		names := slices.ContainsFunc(object.Entries, func(entry source.Entry) bool {
			return slices.ContainsFunc(entry.Secrets, func(ref source.SecretRef) bool { return ref.Name == secret })
		})
		if object.Namespace == namespace && names {
			out = append(out, object)
		}
	}
	return out
}

// Gateway implements certshim.Observed.
func (v view) Gateway(namespace, name string) (*source.Object, bool) {
	for _, object := range v.sources {
		if object.Kind == gatewayKind && object.Namespace == namespace && object.Name == name {
			return object, true
		}
	}
	return nil, false
}

// Namespace implements certshim.Observed: none can be read.
func (view) Namespace(string) (certshim.Namespace, bool) { return certshim.Namespace{}, false }

// CertificateFields implements certshim.Observed: the CRD has all.
func (view) CertificateFields() certificate.Fields { return nil }

// Served implements certshim.Observed: nothing is known of the cluster.
func (view) Served() resolver.Served { return nil }

// Issuers are not known: cert-manager's shims read none.
func (view) Issuers() resolver.Issuers { return nil }
