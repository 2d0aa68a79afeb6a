package certificate

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certshim/certshim/names"
)

// spellsTwice reports whether the source gives a name in two spellings. Then its Certificate may have
// both, if it was made when each was still written.
func (d *decider) spellsTwice() bool {
	request := d.in.Request
	dns, ips := splitHosts(d.in.Ask.Hosts)
	spec, _ := d.config["spec"].(map[string]any)
	return names.AnySpeltTwice(names.DNS, dns, request.DNSNames) || names.AnySpeltTwice(names.IP, ips, request.IPAddresses) ||
		names.AnySpeltTwice(names.URI, request.URIs) || names.AnySpeltTwice(names.Email, request.EmailAddresses) ||
		request.CommonName != "" && request.CommonName != text(spec, "commonName")
}

// respells reports whether the configuration takes no name from the live Certificate, and adds none,
// but writes each once of which the Certificate has two spellings.
func (d *decider) respells() bool {
	live, _ := d.seen.Live["spec"].(map[string]any)
	spec, _ := d.config["spec"].(map[string]any)
	if !d.spellsTwice() || !hasBothSpellings(live) || names.Host(text(live, "commonName")) != names.Host(text(spec, "commonName")) {
		return false
	}
	changes := text(live, "commonName") != text(spec, "commonName")
	for _, f := range nameFields() {
		before, after := textsOf(live[specName(f.field)]), textsOf(spec[specName(f.field)])
		if !sameNames(f.form, before, after) {
			return false
		}
		changes = changes || !slices.Equal(before, after)
	}
	return changes
}

// hasBothSpellings reports whether a spec has a name in two spellings, the common name included.
func hasBothSpellings(spec map[string]any) bool {
	for _, f := range nameFields() {
		if names.AnySpeltTwice(f.form, textsOf(spec[specName(f.field)])) {
			return true
		}
	}
	name := text(spec, "commonName")
	return names.Common(name, textsOf(spec["dnsNames"]), textsOf(spec["ipAddresses"])) != name
}

// sameNames reports whether two lists have the same names, however they are written.
func sameNames(form names.Form, a, b []string) bool {
	x, y := formsOf(names.Unique(form, a), form), formsOf(names.Unique(form, b), form)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// keepSpelling leaves the names as the live Certificate writes them.
func (d *decider) keepSpelling() {
	live, _ := d.seen.Live["spec"].(map[string]any)
	spec, _ := d.config["spec"].(map[string]any)
	keep := func(name string) {
		if value := live[name]; value != nil {
			spec[name] = runtime.DeepCopyJSONValue(value)
		}
	}
	for _, f := range nameFields() {
		keep(specName(f.field))
	}
	keep("commonName")
}
