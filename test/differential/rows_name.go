package differential

import (
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// nameRows are about the Certificate that is wanted, as a whole.
func nameRows() []Row {
	return []Row{
		{
			Name: "names-once",
			Says: "A name that hosts and annotations give more than once, in the same or another spelling, is written once, as it comes first.",
			Hits: func(s *situation) bool {
				return s.anyWanted(func(_ string, certificate map[string]any) bool {
					return slices.ContainsFunc(nameFields, func(field string) bool { return repeats(field, list(certificate, "spec", field)) })
				})
			},
			Then: func(s *situation) {
				s.rewrite(func(certificate map[string]any) {
					for _, field := range nameFields {
						set(certificate, anys(once(field, list(certificate, "spec", field))), "spec", field)
					}
				})
			},
		},
		{
			Name: "labels-of-tools",
			Says: "Labels by which other tools track and prune objects aren't copied.",
			Hits: func(s *situation) bool {
				return s.anyWanted(func(_ string, certificate map[string]any) bool { return len(toolLabels(certificate)) > 0 })
			},
			Then: func(s *situation) {
				s.rewrite(func(certificate map[string]any) {
					for _, label := range toolLabels(certificate) {
						set(certificate, nil, "metadata", "labels", label)
					}
				})
			},
		},
	}
}

func (s *situation) anyWanted(match func(string, map[string]any) bool) bool {
	return slices.ContainsFunc(s.wanted(), func(name string) bool {
		certificate, found := s.after[name]
		return found && match(name, certificate)
	})
}

// spelling is a name of a field in the one spelling in which it is compared.
func spelling(field, name string) string {
	switch field {
	case "dnsNames":
		return strings.ToLower(name)
	case "ipAddresses":
		if address, err := netip.ParseAddr(name); err == nil {
			return address.Unmap().String()
		}
	case "emailAddresses":
		local, domain, _ := strings.Cut(name, "@")
		return local + "@" + strings.ToLower(domain)
	case "uris":
		if parsed, err := url.Parse(name); err == nil {
			parsed.Host = strings.ToLower(parsed.Host)
			return parsed.String()
		}
	}
	return name
}

// add appends names that a list lacks, in any spelling.
func add(field string, all, more []string) []string {
	out := slices.Clone(all)
	for _, name := range more {
		if !slices.ContainsFunc(out, func(other string) bool { return spelling(field, other) == spelling(field, name) }) {
			out = append(out, name)
		}
	}
	return out
}

func once(field string, names []string) []string { return add(field, nil, names) }

func repeats(field string, names []string) bool { return len(once(field, names)) < len(names) }

// commonNameRow is about the last step: the common name follows the names, kept ones included.
func commonNameRow() Row {
	return Row{
		Name: "common-name-spelt",
		Says: "A common name that is one of the names but for its spelling is written as that is, an IP address in its shortest form.",
		Hits: func(s *situation) bool {
			return !s.issuerRefused && !s.unread["commonName"] && s.anyWanted(func(_ string, certificate map[string]any) bool {
				return respelt(certificate) != get(certificate, "spec", "commonName")
			})
		},
		Then: func(s *situation) {
			s.rewrite(func(certificate map[string]any) { set(certificate, respelt(certificate), "spec", "commonName") })
		},
	}
}

// respelt is the common name of a Certificate as its equal is written, nil for none.
func respelt(certificate map[string]any) any {
	name, found := get(certificate, "spec", "commonName").(string)
	if !found {
		return nil
	}
	for _, field := range []string{"ipAddresses", "dnsNames"} {
		for _, other := range list(certificate, "spec", field) {
			switch {
			case spelling(field, other) != spelling(field, name):
			case field == "ipAddresses":
				return spelling(field, name)
			default:
				return other
			}
		}
	}
	return name
}

// toolLabels are the labels of a Certificate by which other tools know their objects.
func toolLabels(certificate map[string]any) []string {
	exact := []string{
		"app.kubernetes.io/managed-by", "helm.sh/chart", "helm.sh/resource-policy", "config.k8s.io/owning-inventory",
		"velero.io/backup-name", "velero.io/restore-name", "tanka.dev/environment", "olm.managed",
	}
	starts := []string{
		"applyset.kubernetes.io/", "kubectl.kubernetes.io/", "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/",
		"helm.toolkit.fluxcd.io/", "fluxcd.io/", "flux.weave.works/", "meta.helm.sh/", "helm.sh/hook", "kapp.k14s.io/",
		"cli-utils.sigs.k8s.io/", "client.lifecycle.config.k8s.io/", "objectset.rio.cattle.io/", "kro.run/",
		"app.oam.dev/", "olm.owner", "certshim.io/",
	}
	var out []string
	for _, label := range slices.Sorted(maps.Keys(at(certificate, "metadata", "labels"))) {
		starts := slices.ContainsFunc(starts, func(start string) bool { return strings.HasPrefix(label, start) })
		if starts || slices.Contains(exact, label) {
			out = append(out, label)
		}
	}
	return out
}
