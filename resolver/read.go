package resolver

import (
	"context"
	"errors"
	"slices"

	"github.com/certshim/certshim/declaration"
)

// Seen is what an issuer's object tells, reduced to what is kept of it.
type Seen struct {
	Ready           Readiness
	Reason, Message string
	// Variant of the entry that fits: 0 is none, 1 the first.
	Variant uint8
}

// maxVariants of an entry.
const maxVariants = 64

// program is an entry made ready to read objects.
type program struct {
	readiness readinessReader
	when      []*declaration.Expression
	// said is what holds without a variant, and then with each.
	said []said
}

func (e Entry) program() (*program, error) {
	readiness, err := e.Readiness.reader()
	if err != nil {
		return nil, err
	}
	if len(e.Variants) > maxVariants {
		return nil, errors.New("it has too many variants")
	}
	base := said{constraints: e.Constraints, recommend: e.Recommend, defaults: e.Defaults}
	p := &program{readiness: readiness, said: []said{base}}
	for _, variant := range e.Variants {
		when, err := expressions.Compile(variant.When, declaration.Bool)
		if err != nil {
			return nil, err
		}
		p.when, p.said = append(p.when, when), append(p.said, base.with(variant))
	}
	return p, nil
}

// read evaluates an object. An expression that fails doesn't fit.
func (p *program) read(ctx context.Context, object map[string]any) Seen {
	ready, reason, message := p.readiness(ctx, object)
	reason, message = presentable(reason, message)
	seen := Seen{Ready: ready, Reason: reason, Message: message}
	for i, when := range p.when {
		if fits, err := when.Bool(ctx, variables(object)); err == nil && fits {
			seen.Variant = uint8(i + 1)
			break
		}
	}
	return seen
}

// Read reduces an issuer's object to what decisions read of it. It is pure, and the cost of its
// expressions is bounded whatever the object holds, so that it needs no context.
func (k *Known) Read(object map[string]any) Seen {
	return k.program.read(context.Background(), object)
}

// Statement is what is said of an issuer that was seen. It allocates nothing.
func (k *Known) Statement(seen Seen) Statement {
	s := k.Said(seen.Variant)
	s.Existence, s.Ready, s.Reason, s.Message = Exists, seen.Ready, seen.Reason, seen.Message
	return s
}

// Said is what is said of an issuer of this kind by its variant, 0 for one that can't be
// seen; existence and readiness are open.
func (k *Known) Said(variant uint8) Statement { return k.statements[int(variant)%len(k.statements)] }

// Found is what is known of an issuer that was seen.
func (k *Known) Found(seen Seen) Finding {
	return Finding{Statement: k.Statement(seen), State: Fresh, By: k.By()}
}

// NotFound is what is known of an issuer that wasn't seen. Missing needs proof: the kind
// isn't served, or all of its issuers are known.
func (k *Known) NotFound(notServed, allKnown bool) Finding {
	finding := Finding{Statement: k.Said(0), State: Fresh, By: k.By()}
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

// NamesOf gives the names of the issuers of a kind among those that were seen, sorted: those
// in a namespace, or of the cluster where it is empty.
func NamesOf(issuers map[IssuerKey]Seen, kind GroupKind, namespace string) []string {
	var names []string
	for key := range issuers {
		if key.GroupKind == kind && key.Namespace == namespace {
			names = append(names, key.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Recommended are the values that are good for issuers of a variant.
func (k *Known) Recommended(variant uint8) Recommendation {
	return k.program.said[int(variant)%len(k.program.said)].recommend
}

// By names who speaks for the kind: catalogue/step-issuer, file/corp-ca.
func (k *Known) By() string { return k.by }
