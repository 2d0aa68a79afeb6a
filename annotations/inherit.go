package annotations

import "maps"

func issuerKeys() [4]string {
	return [4]string{IssuerKey, ClusterKey, IssuerKindKey, IssuerGroupKey}
}

// Inherit gives the annotations of a ListenerSet as they count: if it names no issuer
// itself, its four issuer keys are those of its Gateway, as one unit, provided that the
// Gateway names one. Nothing else is inherited. Neither map is changed; the result may
// be the first of them.
func Inherit(own, parent map[string]string) map[string]string {
	if namesIssuer(own) || !namesIssuer(parent) {
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

func namesIssuer(in map[string]string) bool {
	return trim(in[IssuerKey]) != "" || trim(in[ClusterKey]) != ""
}
