package doctor

import (
	"fmt"
	"slices"
)

// Level of a finding.
type Level string

// The levels, from the one that needs nothing to the one that is wrong.
const (
	OK      Level = "ok"
	Note    Level = "note"
	Unknown Level = "unknown"
	Warning Level = "warning"
	Error   Level = "error"
)

// Levels are all, the least first.
func Levels() []Level { return []Level{OK, Note, Unknown, Warning, Error} }

// AtLeast says whether a level is another one or a worse one.
func (l Level) AtLeast(other Level) bool {
	return slices.Index(Levels(), l) >= slices.Index(Levels(), other)
}

// Finding is what one check says.
type Finding struct {
	Code  string `json:"code"`
	Level Level  `json:"level"`
	// Text is one sentence about the cluster.
	Text string `json:"text"`
	// Help says what to do; empty where nothing has to be done.
	Help string `json:"help,omitempty"`
}

// Check looks at one thing.
type Check struct {
	// Code is stable, and a section of docs/doctor.md.
	Code string
	// Title says what it looks at.
	Title string
	// Pre is set if it makes sense before an installation.
	Pre   bool
	judge func(*Seen) []Finding
}

// Checks are all, in the order in which they are told.
func Checks() []Check {
	return []Check{
		{"kubernetes-version", "the API server is of a version that certshim is tested with", true, kubernetesVersion},
		{"certificates-served", "the cluster serves cert-manager's Certificates", true, certificatesServed},
		{"cert-manager-version", "cert-manager is of a version that certshim is tested with", true, certManagerVersion},
		{"cert-manager-ready", "cert-manager's Deployments are ready", true, certManagerReady},
		{"cert-manager-leader", "a controller of cert-manager leads, and it is the one that was looked at", true, certManagerLeader},
		{"webhook-ready", "cert-manager's webhook can answer", true, webhookReady},
		{"dry-run-write", "the API server accepts a Certificate, and its webhook refuses a wrong one", true, dryRunWrite},
		{"shims-off", "cert-manager's own shims are switched off", true, shimsOff},
		{"api-groups", "the API groups whose objects certshim reads answer", true, apiGroups},
		{"kinds-served", "the cluster serves kinds of sources", true, kindsServed},
		{"installation", "certshim is installed", false, installation},
		{"ready", "its Pods are ready", false, ready},
		{"versions", "its Pods run one version", false, versions},
		{"leader", "one of them leads", false, leader},
		{"configuration", "what runs is the configuration that was meant", false, configuration},
		{"kinds-watched", "its Pods watch the kinds that are served", false, kindsWatched},
		{"permissions", "it may do all that its configuration needs", false, permissions},
		{"writes", "none of its writes is forbidden, or waits for a webhook", false, writes},
		{"admission-policies", "its admission policies fit the cluster", false, policies},
		{"approval", "requests to external issuers can be approved", true, approval},
		{"issuers", "the issuers that sources name are there and ready", true, issuers},
		{"shims-quiet", "no shim of cert-manager's writes what certshim writes", true, shimsQuiet},
		{"plan", "nothing is left to write, and no source has a mistake", true, plan},
	}
}

// Examine makes every check that what was seen is about. A check that finds nothing wrong has one finding that says so;
// that of a dry run has none where none was made.
func Examine(seen *Seen) []Finding {
	var all []Finding
	for _, check := range Checks() {
		if seen.Pre && !check.Pre {
			continue
		}
		for _, finding := range check.judge(seen) {
			finding.Code = check.Code
			all = append(all, finding)
		}
	}
	return all
}

// Worst is the worst level of findings.
func Worst(findings []Finding) Level {
	worst := OK
	for _, f := range findings {
		if f.Level.AtLeast(worst) {
			worst = f.Level
		}
	}
	return worst
}

func one(level Level, text, help string) []Finding {
	return []Finding{{Level: level, Text: text, Help: help}}
}

func fine(text string) []Finding { return one(OK, text, "") }

// unread is what is said of something that couldn't be read, and what can be done about it.
func unread(what, why, help string) []Finding {
	return one(Unknown, what+" can't be known: "+why, help)
}

// count is a number of things in words, whose plural has an s.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
