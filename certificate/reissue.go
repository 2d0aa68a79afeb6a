package certificate

import (
	"cmp"
	"slices"
	"time"

	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/resolver"
)

// reissue predicts whether cert-manager signs a new certificate after an apply. Its controllers
// compare with the last request: names, subject and usages as sets, the issuer with its defaults
// filled in, the duration if both have one, and the kind of private key. Other changes cause no
// new certificate.
func reissue(s settlement, live map[string]any) Reissue {
	if !s.differs {
		return ReissueNo
	}
	before, _ := live["spec"].(map[string]any)
	after, _ := After(live, s.config)["spec"].(map[string]any)
	switch {
	case !equal(before["secretName"], after["secretName"]):
		return ReissueUnknown
	case signedAlike(before, after):
		return ReissueNo
	}
	return ReissueYes
}

func signedAlike(before, after map[string]any) bool {
	for _, name := range []string{"dnsNames", "uris", "emailAddresses", "usages"} {
		if !sameSet(before[name], after[name], names.Exact) {
			return false
		}
	}
	return sameSet(before["ipAddresses"], after["ipAddresses"], names.IP) && sameSubject(before, after) && sameKey(before, after) &&
		sameIssuer(before, after) && sameDuration(before, after)
}

func sameSubject(before, after map[string]any) bool {
	if text(before, "literalSubject") != "" && text(after, "literalSubject") != "" {
		return true
	}
	a, _ := before["subject"].(map[string]any)
	b, _ := after["subject"].(map[string]any)
	for _, name := range []string{
		"organizations", "organizationalUnits", "countries", "provinces",
		"localities", "postalCodes", "streetAddresses",
	} {
		if !sameSet(a[name], b[name], names.Exact) {
			return false
		}
	}
	return text(a, "serialNumber") == text(b, "serialNumber") && text(before, "commonName") == text(after, "commonName")
}

// sameKey compares keys with cert-manager's defaults filled in: RSA with 2048 bits, ECDSA with
// 256.
func sameKey(before, after map[string]any) bool { return keyOf(before) == keyOf(after) }

type keySpec struct {
	algorithm string
	size      string
}

func keyOf(spec map[string]any) keySpec {
	private, _ := spec["privateKey"].(map[string]any)
	k := keySpec{algorithm: text(private, "algorithm"), size: shown(private["size"])}
	if k.algorithm == "" {
		k.algorithm = "RSA"
	}
	switch {
	case k.algorithm == "Ed25519":
		k.size = ""
	case k.size != "" && k.size != "0":
	case k.algorithm == "ECDSA":
		k.size = "256"
	default:
		k.size = "2048"
	}
	return k
}

func sameIssuer(before, after map[string]any) bool { return issuerOf(before) == issuerOf(after) }

func issuerOf(spec map[string]any) resolver.Ref {
	ref, _ := spec["issuerRef"].(map[string]any)
	return withDefaults(resolver.Ref{Name: text(ref, "name"), Kind: text(ref, "kind"), Group: text(ref, "group")})
}

// withDefaults fills in what cert-manager takes an issuerRef without kind or group for.
func withDefaults(ref resolver.Ref) resolver.Ref {
	return resolver.Ref{Name: ref.Name, Kind: cmp.Or(ref.Kind, "Issuer"), Group: cmp.Or(ref.Group, group)}
}

func sameDuration(before, after map[string]any) bool {
	a, errA := time.ParseDuration(text(before, "duration"))
	b, errB := time.ParseDuration(text(after, "duration"))
	return errA != nil || errB != nil || a == b
}

// sameSet compares as cert-manager does: IP addresses as such, and everything else by its text, so
// that another spelling of a DNS name is another name to it. Repeats count.
func sameSet(a, b any, form names.Form) bool {
	x, y := formsOf(textsOf(a), form), formsOf(textsOf(b), form)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

func formsOf(list []string, form names.Form) []string {
	for i := range list {
		list[i] = form(list[i])
	}
	return list
}
