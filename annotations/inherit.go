package annotations

import "maps"

func issuerKeys() [4]string {
	return [4]string{IssuerKey, ClusterKey, IssuerKindKey, IssuerGroupKey}
}

// Inherit returns the effective annotations of a ListenerSet: if it names no issuer and its
// Gateway does, the four issuer keys come from the Gateway, as one unit. Nothing else is
// inherited. Neither map is changed; the result may be own itself.
func Inherit(own, parent map[string]string) map[string]string {
	if NamesIssuer(own) || !NamesIssuer(parent) {
		return own
	}
	out := make(map[string]string, len(own)+len(parent))
	maps.Copy(out, own)
	for _, key := range issuerKeys() {
		delete(out, key)
		if value, there := parent[key]; there {
			out[key] = value
		}
	}
	return out
}

// NamesIssuer says whether an object names an issuer itself, and so inherits none.
func NamesIssuer(in map[string]string) bool {
	return trim(in[IssuerKey]) != "" || trim(in[ClusterKey]) != ""
}
