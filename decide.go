package certshim

import (
	"strconv"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/source"
)

// Decide says what is to be done about the Certificates of one source. It is pure: the
// same policy, object and observations give the same outcome.
func Decide(policy *Policy, object *source.Object, observed Observed) Outcome {
	kind, known := policy.Kinds.Lookup(object.Group, object.Kind)
	if !known {
		return Outcome{Source: object.Ref, Ignored: certificate.Because(certificate.CauseNoKind, object.Kind, strconv.Quote(object.Group))}
	}
	if !policy.Serve.Has(object.Namespace) {
		return Outcome{Source: object.Ref, Ignored: certificate.Because(certificate.CauseOtherShare)}
	}
	r := rivals{policy: policy, observed: observed}
	return decide(input{policy: policy, object: object, kind: kind, observed: observed}, nil, r.claim, nil)
}
