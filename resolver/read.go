package resolver

import (
	"context"
	"errors"

	"github.com/certshim/certshim/declaration"
)

// Seen is the part of an issuer's object that is kept.
type Seen struct {
	Ready           Readiness
	Reason, Message string
	// Variant is the matching variant of the type: 0 for none, 1 for the first.
	Variant uint8
	// ProvesByRoute is what the type's expression says.
	ProvesByRoute bool
}

// maxVariants is the limit of variants per type.
const maxVariants = 64

// program is a compiled issuer type, ready to read objects.
type program struct {
	readiness readinessReader
	when      []*declaration.Expression
	// provesByRoute is nil without such an expression.
	provesByRoute *declaration.Expression
	// profiles[0] holds without a variant, profiles[i] for variant i.
	profiles []profile
}

func (t IssuerType) program() (*program, error) {
	readiness, err := t.Readiness.reader()
	if err != nil {
		return nil, err
	}
	if len(t.Variants) > maxVariants {
		return nil, errors.New("it has too many variants")
	}
	base := profile{constraints: t.Constraints, recommend: t.Recommend, defaults: t.Defaults}
	p := &program{readiness: readiness, profiles: []profile{base}}
	for _, variant := range t.Variants {
		when, err := expressions.Compile(variant.When, declaration.Bool)
		if err != nil {
			return nil, err
		}
		p.when, p.profiles = append(p.when, when), append(p.profiles, base.with(variant))
	}
	if t.ProvesByRoute != "" {
		p.provesByRoute, err = expressions.Compile(t.ProvesByRoute, declaration.Bool)
	}
	return p, err
}

// read evaluates an object. An expression that fails counts as false.
func (p *program) read(ctx context.Context, object map[string]any) Seen {
	ready, reason, message := p.readiness(ctx, object)
	reason, message = presentable(reason, message)
	seen := Seen{Ready: ready, Reason: reason, Message: message}
	for i, when := range p.when {
		if holds(ctx, when, object) {
			seen.Variant = uint8(i + 1)
			break
		}
	}
	seen.ProvesByRoute = p.provesByRoute != nil && holds(ctx, p.provesByRoute, object)
	return seen
}

func holds(ctx context.Context, expression *declaration.Expression, object map[string]any) bool {
	value, err := expression.Bool(ctx, variables(object))
	return err == nil && value
}

// Read reduces an issuer's object to what decisions need. It is pure. It needs no context, since
// the cost of its expressions is bounded for any object.
func (k *Known) Read(object map[string]any) Seen {
	return k.program.read(context.Background(), object)
}

// Statement returns the statement about an existing issuer. It allocates nothing.
func (k *Known) Statement(seen Seen) Statement {
	s := k.Declared(seen.Variant)
	s.Existence, s.Ready, s.Reason, s.Message = Exists, seen.Ready, seen.Reason, seen.Message
	s.ProvesByRoute = seen.ProvesByRoute
	return s
}

// Declared returns what the type declares about an issuer of a variant, 0 for one that can't be
// read. Existence and readiness are left open.
func (k *Known) Declared(variant uint8) Statement {
	return k.statements[int(variant)%len(k.statements)]
}

// Found returns the finding about an existing issuer.
func (k *Known) Found(seen Seen) Finding {
	return Finding{Statement: k.Statement(seen), State: Fresh, By: k.By()}
}

// NotFound returns the finding about an issuer that wasn't seen. It counts as missing only if
// its kind isn't served or all issuers of the kind are known.
func (k *Known) NotFound(notServed, allKnown bool) Finding {
	finding := Finding{Statement: k.Declared(0), State: Fresh, By: k.By()}
	switch {
	case notServed:
		finding.Existence, finding.Fault = Missing, NotServed
	case allKnown:
		finding.Existence = Missing
	default:
		finding.State = Never
	}
	return finding
}

// Recommended returns the values that suit issuers of a variant.
func (k *Known) Recommended(variant uint8) Recommendation {
	return k.program.profiles[int(variant)%len(k.program.profiles)].recommend
}

// By names the declaration of the kind: catalogue/step-issuer, file/corp-ca.
func (k *Known) By() string { return k.by }
