package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The versions that certshim is tested with, as the README's table of requirements has them.
const (
	oldestKubernetes, newestKubernetes   = 34, 37
	oldestCertManager, newestCertManager = 19, 21
)

func kubernetesVersion(seen *Seen) []Finding {
	if seen.Server.Why != "" {
		return unread("the API server's version", seen.Server.Why, whatIsRead)
	}
	return versionWithin("Kubernetes", seen.Server.Value, oldestKubernetes, newestKubernetes)
}

// versionWithin judges a version 1.MINOR by the oldest and the newest minor version.
func versionWithin(what, version string, oldest, newest int) []Finding {
	tested := fmt.Sprintf("1.%d to 1.%d", oldest, newest)
	minor, known := minorOf(version)
	switch {
	case !known:
		return one(Unknown, fmt.Sprintf("%s is of version %q, which can't be read", what, version), "the README has the versions that certshim is tested with: "+tested)
	case minor < oldest:
		return one(Warning, fmt.Sprintf("%s %s is older than what certshim is tested with, %s", what, version, tested), "upgrade it to one of "+tested)
	case minor > newest:
		return one(Note, fmt.Sprintf("%s %s is newer than what certshim is tested with, %s", what, version, tested), "look for a newer certshim")
	}
	return fine(what + " " + version)
}

// minorOf reads the MINOR of v1.MINOR, whatever follows.
func minorOf(version string) (int, bool) {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 || parts[0] != "1" {
		return 0, false
	}
	minor, err := strconv.Atoi(strings.TrimRight(parts[1], "+"))
	return minor, err == nil
}

func certificatesServed(seen *Seen) []Finding {
	switch {
	case seen.Certificates.Why != "":
		return unread("whether Certificates are served", seen.Certificates.Why, askGroups)
	case !seen.Certificates.Value:
		return one(Error, "the cluster serves no Certificates of cert-manager.io/v1", "install cert-manager, or its CRDs: https://cert-manager.io/docs/installation/")
	}
	return fine("Certificates of cert-manager.io/v1 are served")
}

// noCertManager says why nothing is known of cert-manager's Deployments; nil if something is.
func noCertManager(seen *Seen, what string) []Finding {
	switch {
	case seen.CertManager.Why != "":
		return unread(what, seen.CertManager.Why, whatIsRead)
	case len(seen.CertManager.Value) == 0:
		return one(Unknown, what+" can't be known: there is no Deployment of cert-manager in namespace "+seen.CertManagerNamespace, nameCertManager)
	}
	return nil
}

func (s *Seen) certManagerController() (Deployment, bool) {
	at := slices.IndexFunc(s.CertManager.Value, func(d Deployment) bool { return d.Component == "controller" })
	if at < 0 {
		return Deployment{}, false
	}
	return s.CertManager.Value[at], true
}

func certManagerVersion(seen *Seen) []Finding {
	if finding := noCertManager(seen, "cert-manager's version"); finding != nil {
		return finding
	}
	controller, found := seen.certManagerController()
	if !found {
		return unread("cert-manager's version", notLabelled, labelIt)
	}
	findings := versionWithin("cert-manager", controller.Version, oldestCertManager, newestCertManager)
	different := seen.otherVersions(controller.Version)
	if len(different) > 0 {
		findings = append(findings, Finding{
			Level: Warning, Text: "cert-manager's controller is of version " + controller.Version + ", and " + strings.Join(different, ", "),
			Help: "install all of cert-manager in one version, its CRDs too",
		})
	}
	if seen.Definition.Why != "" {
		findings = append(findings, unread("of which version cert-manager's CRDs are", seen.Definition.Why, whatIsRead)...)
	}
	if len(findings) > 1 && findings[0].Level == OK {
		return findings[1:]
	}
	return findings
}

// otherVersions are the parts of cert-manager whose version is another one.
func (s *Seen) otherVersions(version string) (parts []string) {
	for _, d := range s.CertManager.Value {
		if d.Version != version && d.Version != "" {
			parts = append(parts, "Deployment "+d.Name+" of "+d.Version)
		}
	}
	if crd := s.Definition.Value; crd != version && crd != "" {
		parts = append(parts, "the CRD of Certificates of "+crd)
	}
	return parts
}

func certManagerReady(seen *Seen) []Finding {
	if finding := noCertManager(seen, "whether cert-manager runs"); finding != nil {
		return finding
	}
	var all []Finding
	for _, d := range seen.CertManager.Value {
		if d.Ready < d.Wanted || d.Wanted == 0 {
			all = append(all, Finding{
				Level: Error, Text: fmt.Sprintf("Deployment %s/%s of cert-manager has %d of %d replicas ready", seen.CertManagerNamespace, d.Name, d.Ready, d.Wanted),
				Help: fmt.Sprintf("kubectl describe pods -n %s -l app.kubernetes.io/component=%s", seen.CertManagerNamespace, d.Component),
			})
		}
	}
	if all != nil {
		return all
	}
	return fine("ready: " + count(len(seen.CertManager.Value), "Deployment") + " of cert-manager")
}

func webhookReady(seen *Seen) []Finding {
	w := seen.Webhook.Value
	switch {
	case seen.Webhook.Why != "":
		return unread("cert-manager's webhook", seen.Webhook.Why, whatIsRead)
	case !w.Found:
		return one(Warning, "no webhook of cert-manager's judges Certificates: a wrong one is stored, and fails later", "install cert-manager's webhook")
	case !w.Trusted:
		return one(Error, "cert-manager's webhook has no CA bundle, so that the API server refuses every Certificate", "see whether cert-manager's cainjector runs")
	case w.Service == "" && seen.DryRun.fine():
		return fine("cert-manager's webhook, at an address outside of the cluster, answers")
	case w.Service == "":
		return unread("whether cert-manager's webhook answers", "it is at an address outside of the cluster",
			"certshim doctor --dry-run-write asks it")
	case w.Endpoints.Why != "":
		return unread("whether Service "+w.Service+" of cert-manager's webhook has endpoints", w.Endpoints.Why, whatIsRead)
	case w.Endpoints.Value == 0:
		return one(Error, "Service "+w.Service+" of cert-manager's webhook has no ready endpoint, so that the API server refuses every Certificate", "see why its Pods aren't ready")
	}
	return fine(fmt.Sprintf("Service %s of cert-manager's webhook has %s", w.Service, count(w.Endpoints.Value, "ready endpoint")))
}

// askGroups helps where it isn't known what a group serves.
const askGroups = "the check api-groups names what doesn't answer"

// apiGroups names the groups that don't answer, which is as a rule a server behind the API server.
func apiGroups(seen *Seen) (all []Finding) {
	for _, group := range seen.Groups.Value {
		all = append(all, group.judge())
	}
	if seen.Groups.Why != "" {
		all = append(all, unread("whether the servers behind the API server are available", seen.Groups.Why, whatIsRead)...)
	}
	if all != nil {
		return all
	}
	return fine("each API group whose objects certshim reads answers")
}

func (g Group) judge() Finding {
	verb := "doesn't"
	if len(g.Versions) > 1 {
		verb = "don't"
	}
	text := fmt.Sprintf("API group %s %s answer (%s): ", strings.Join(g.Versions, ", "), verb, g.Why)
	group, version, _ := strings.Cut(g.Versions[0], "/")
	help := "kubectl describe apiservice " + version + "." + group + " names the server behind it: bring that back, or delete the APIService if the server is gone for good; docs/alerts.md#certshimgroupunknown"
	lost := "objects of " + strings.Join(g.Kinds, ", ") + " can't be read, "
	switch {
	case g.HasCertificates:
		return Finding{Level: Error, Text: text + lost + "and certshim writes nothing", Help: help}
	case len(g.Kinds) > 0:
		return Finding{Level: Warning, Text: text + lost + "and new and changed ones wait", Help: help}
	}
	return Finding{Level: Note, Text: text + "certshim reads what it needs of the group in another version", Help: help}
}

func kindsServed(seen *Seen) []Finding {
	var served, off, unknown []string
	for _, kind := range seen.Kinds {
		switch {
		case kind.Unknown && !kind.Off:
			unknown = append(unknown, kind.Name)
		case kind.Served && kind.Off:
			off = append(off, kind.Name)
		case kind.Served:
			served = append(served, kind.Name)
		}
	}
	var all []Finding
	if len(unknown) > 0 {
		all = unread("whether "+strings.Join(unknown, ", ")+" are served", "the API server doesn't say what it serves of their groups", askGroups)
	}
	switch {
	case len(served) > 0:
		all = append(all, Finding{Level: OK, Text: "sources are " + strings.Join(served, ", ")})
	case len(unknown) == 0:
		all = append(all, Finding{Level: Warning, Text: "the cluster serves no kind of sources", Help: "certshim sources lists the kinds that there are"})
	}
	if len(off) > 0 {
		all = append(all, Finding{Level: Note, Text: "the configuration switches off " + strings.Join(off, ", ") + ", which the cluster serves"})
	}
	return all
}
