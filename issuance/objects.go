package issuance

import (
	"slices"
	"time"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// The kinds of objects that a chain consists of, besides the issuer.
const (
	KindCertificate = "Certificate"
	KindRequest     = "CertificateRequest"
	KindOrder       = "Order"
	KindChallenge   = "Challenge"
	KindEvent       = "Event"
	// KindIssuer stands for the issuer of whatever kind in [State.Unread].
	KindIssuer = "issuer"
)

// State is what is known of one Certificate and of what belongs to it.
type State struct {
	Certificate Certificate
	// Others are the other Certificates of the namespace.
	Others []Certificate
	// Written is when cert-manager last wrote the status of any Certificate; zero if never.
	Written time.Time
	// Requests, Orders and Challenges may be those of others too: owners are compared. Challenges
	// of all namespaces share one queue.
	Requests   []Request
	Orders     []Order
	Challenges []Challenge
	// Issuer is nil if it isn't there.
	Issuer *Issuer
	// Namesakes are issuers of the name that the Certificate gives, of another kind or elsewhere.
	Namesakes []problem.Object
	Events    []Event
	// Unread says, by kind, why objects of it can't be known.
	Unread map[string]string
}

// Meta is what every object has.
type Meta struct {
	Kind, Namespace, Name, UID string
	// Owner is the uid of the controller owner.
	Owner string
	// Created and Deleted are zero where the object doesn't say.
	Created, Deleted time.Time
	Finalizers       []string
	Labels           map[string]string
}

func (m Meta) object() problem.Object {
	return problem.Object{Kind: m.Kind, Namespace: m.Namespace, Name: m.Name}
}

// Condition of a status.
type Condition struct {
	Type, Status, Reason, Message string
	Since                         time.Time
}

// Conditions of a status.
type Conditions []Condition

func (c Conditions) find(kind string) (Condition, bool) {
	for _, one := range c {
		if one.Type == kind {
			return one, true
		}
	}
	return Condition{}, false
}

// is says whether a condition is True.
func (c Conditions) is(kind string) bool {
	one, _ := c.find(kind)
	return one.Status == "True"
}

// Certificate and its status.
type Certificate struct {
	Meta
	Secret string
	Issuer resolver.Ref
	// KeepsKey is set by the rotation policy Never.
	KeepsKey bool
	// Temporary is set if a temporary certificate is asked for.
	Temporary  bool
	Conditions Conditions
	Revision   int64
	// NextKey is the Secret of the private key of an issuance that runs.
	NextKey string
	// Failed is when the last issuance failed, and Attempts how many have, one after another.
	Failed                       time.Time
	Attempts                     int64
	NotBefore, NotAfter, Renewal time.Time
	// Written is when the status was last written.
	Written time.Time
}

// Request is a CertificateRequest and its status.
type Request struct {
	Meta
	// Revision of the Certificate that it is for; 0 if it has none.
	Revision   int64
	Issuer     resolver.Ref
	Conditions Conditions
	Failed     time.Time
}

// Order of an ACME issuer and its status.
type Order struct {
	Meta
	Names         []string
	State, Reason string
}

// Challenge of an Order and its status. Its key and token are never read.
type Challenge struct {
	Meta
	DNSName, Type         string
	Wildcard              bool
	Processing, Presented bool
	State, Reason         string
}

// Issuer is an issuer of any kind.
type Issuer struct {
	Meta
	Group string
	// Signers are the resource names by which requests to it are approved.
	Signers    []string
	Conditions Conditions
	// CASecret is the Secret that an issuer of cert-manager's type CA signs with.
	CASecret string
	ACME     bool
	Solvers  []Solver
}

// Solver of an ACME issuer.
type Solver struct {
	HTTP01, DNS01 bool
	Labels        map[string]string
	Names, Zones  []string
}

// Event about one of the objects, by its uid.
type Event struct {
	About, Reason, Message string
	Last                   time.Time
}

// UIDs are those of the Certificate and of what belongs to it.
func (s State) UIDs() []string {
	uids := []string{s.Certificate.UID}
	add := func(m Meta) {
		if m.UID != "" && m.Owner != "" && slices.Contains(uids, m.Owner) {
			uids = append(uids, m.UID)
		}
	}
	for _, r := range s.Requests {
		if r.Revision > s.Certificate.Revision {
			add(r.Meta)
		}
	}
	for _, o := range s.Orders {
		add(o.Meta)
	}
	for _, c := range s.Challenges {
		add(c.Meta)
	}
	return uids
}
