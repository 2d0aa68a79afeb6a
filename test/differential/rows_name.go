package differential

import (
	"maps"
	"slices"
	"strings"
)

// nameRows are about the Certificate that is wanted, as a whole.
func nameRows() []Row {
	return []Row{
		{
			Name: "names-once",
			Says: "A DNS name or IP address that hosts and annotations both give is written once.",
			Hits: func(s *situation) bool {
				return s.anyWanted(func(_ string, certificate map[string]any) bool {
					return repeats(list(certificate, "spec", "dnsNames")) || repeats(list(certificate, "spec", "ipAddresses"))
				})
			},
			Then: func(s *situation) {
				s.rewrite(func(certificate map[string]any) {
					for _, field := range []string{"dnsNames", "ipAddresses"} {
						set(certificate, anys(once(list(certificate, "spec", field))), "spec", field)
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

func once(names []string) []string {
	var out []string
	for _, name := range names {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func repeats(names []string) bool { return len(once(names)) < len(names) }

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
