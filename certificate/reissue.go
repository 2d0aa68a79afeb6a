package certificate

import (
	"slices"
	"time"
)

// reissue says whether cert-manager signs anew after an apply. It follows what its
// controllers compare with the last request: names, subject and usages as sets, the
// issuer with its defaults filled in, the duration where both have one, and the kind of
// private key. Everything else changes no certificate.
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
	for _, name := range []string{"dnsNames", "ipAddresses", "uris", "emailAddresses", "usages"} {
		if !sameSet(before[name], after[name]) {
			return false
		}
	}
	return sameSubject(before, after) && sameKey(before, after) &&
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
		if !sameSet(a[name], b[name]) {
			return false
		}
	}
	return text(a, "serialNumber") == text(b, "serialNumber") && text(before, "commonName") == text(after, "commonName")
}

// sameKey compares with cert-manager's defaults, RSA of 2048 bits and ECDSA of 256.
func sameKey(before, after map[string]any) bool { return keyOf(before) == keyOf(after) }

type keyKind struct {
	algorithm string
	size      string
}

func keyOf(spec map[string]any) keyKind {
	private, _ := spec["privateKey"].(map[string]any)
	k := keyKind{algorithm: text(private, "algorithm"), size: shown(private["size"])}
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

func issuerOf(spec map[string]any) [3]string {
	ref, _ := spec["issuerRef"].(map[string]any)
	issuer := [3]string{text(ref, "name"), text(ref, "kind"), text(ref, "group")}
	if issuer[1] == "" {
		issuer[1] = "Issuer"
	}
	if issuer[2] == "" {
		issuer[2] = group
	}
	return issuer
}

func sameDuration(before, after map[string]any) bool {
	a, errA := time.ParseDuration(text(before, "duration"))
	b, errB := time.ParseDuration(text(after, "duration"))
	return errA != nil || errB != nil || a == b
}

func sameSet(a, b any) bool {
	x, y := textsOf(a), textsOf(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}
