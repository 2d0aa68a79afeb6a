package certificate

import (
	"encoding/json"
	"time"

	"github.com/certshim/certshim/annotations"
)

// RoutesKey is the annotation of a Certificate that has names of routes. Its value says how they changed
// last, and is for [Input.Routes] to make.
const RoutesKey = annotations.OwnPrefix + "names-from-routes"

// Routed is what a decision about names of routes goes by: of other Certificates it isn't read.
type Routed struct {
	// Record is the annotation [RoutesKey].
	Record string `json:"record"`
	// Names are spec.dnsNames while our entry holds them, which Owned says.
	Names []string `json:"names,omitempty"`
	Owned bool     `json:"owned,omitempty"`
	// Wrote is when we wrote it last, and Renews when cert-manager is to renew it; zero if that isn't known.
	Wrote  time.Time `json:"wrote,omitzero"`
	Renews time.Time `json:"renews,omitzero"`
	// Failing is set while cert-manager fails to have it signed.
	Failing bool `json:"failing,omitempty"`
}

// routed reads it from a Certificate in JSON, nil if the record is empty.
func (o *observation) routed(record string, object []byte) *Routed {
	if record == "" {
		return nil
	}
	var live struct {
		Spec struct {
			DNSNames []string `json:"dnsNames"`
		} `json:"spec"`
		Status struct {
			RenewalTime            time.Time `json:"renewalTime"`
			FailedIssuanceAttempts int       `json:"failedIssuanceAttempts"`
		} `json:"status"`
	}
	if json.Unmarshal(object, &live) != nil {
		return &Routed{Record: record}
	}
	r := &Routed{Record: record, Renews: live.Status.RenewalTime, Failing: live.Status.FailedIssuanceAttempts > 0}
	if r.Owned = o.holds("spec", "dnsNames"); r.Owned {
		r.Names = live.Spec.DNSNames
	}
	if own := o.own(); own != nil {
		r.Wrote, _ = time.Parse(time.RFC3339, own.time) // zero for one that isn't a time
	}
	return r
}

// Encode packs it into a string, empty for none; [DecodeRouted] reads it.
func (r *Routed) Encode() string {
	if r == nil {
		return ""
	}
	packed, err := json.Marshal(r)
	if err != nil {
		return ""
	}
	return string(packed)
}

// DecodeRouted reads what [Routed.Encode] returned.
func DecodeRouted(packed string) *Routed {
	var r Routed
	if packed == "" || json.Unmarshal([]byte(packed), &r) != nil {
		return nil
	}
	return &r
}
