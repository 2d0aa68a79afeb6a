package source

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/names"
	"github.com/certshim/certshim/problem"
)

// MaxHosts is the number of hosts that one Secret may have. No issuer signs that many;
// the bound keeps a hostile manifest from becoming a hang.
const MaxHosts = 5000

// judge goes through the entries of one object and gathers what they ask for.
type judge struct {
	object  *Object
	options Options
	asks    Asks
	// at is the index of a Secret in asks, seen the hosts it has already.
	at   map[types.NamespacedName]int
	seen map[host]bool
	// conflicts are the listeners that conflict with others of the object.
	conflicts map[int]int
	// hostPath is where the n-th host of an entry stands.
	hostPath func(entry Entry, n int) string
}

// host is a host of one Secret, in the form in which equal hosts are equal.
type host struct {
	ask  int
	form string
}

func newJudge(object *Object, options Options) *judge {
	j := &judge{
		object: object, options: options,
		at: make(map[types.NamespacedName]int, len(object.Entries)), seen: map[host]bool{},
	}
	j.asks.Named = make(map[types.NamespacedName]bool, len(object.Entries))
	for ref := range object.Named() {
		j.asks.Named[ref.At(object.Namespace)] = true
	}
	return j
}

func (j *judge) done() Asks {
	j.unknownIgnores()
	return j.asks
}

// refs judges each reference of an entry by itself: a bad one costs only itself.
func (j *judge) refs(entry judged) {
	for _, ref := range entry.Secrets {
		if slices.Contains(j.options.IgnoreSecrets, ref.Name) {
			j.leaveRef(ref)
			continue
		}
		goodName, goodRef := j.goodName(ref), j.goodRef(ref)
		switch {
		case !goodName:
		case !goodRef, len(entry.Hosts) == 0 && (entry.broken || !j.options.RouteNames):
			j.broken(entry.Entry, ref)
		default:
			j.take(entry, ref)
		}
	}
}

// goodName checks the names of a Secret and its namespace. Without valid ones no Certificate can exist.
func (j *judge) goodName(ref SecretRef) bool {
	isPlace := !j.options.CrossNamespace || ref.In(j.object.Namespace) || isNamespace(*ref.Namespace)
	if !isPlace {
		j.refuseOf(ref.Path+".namespace", *ref.Namespace, "it isn't the name of a namespace", "lower-case letters, digits and '-', at most 63", "")
	}
	if isSubdomain(ref.Name) {
		return isPlace
	}
	path := ref.Path
	if !strings.HasSuffix(path, ".secretName") {
		path += ".name"
	}
	j.refuseOf(path, ref.Name, "it isn't the name of a Secret", "lower-case letters, digits, '-' and '.', at most 253", "")
	return false
}

// goodRef checks that a reference is to a Secret, and to one of the object's own namespace unless it may
// ask for others. It tells every part that is wrong.
func (j *judge) goodRef(ref SecretRef) bool {
	group := ref.Group == "" || ref.Group == "core"
	if !group {
		j.refuseOf(ref.Path+".group", ref.Group, "only a Secret can be referenced", `"" (the core group)`, "")
	}
	kind := ref.Kind == secretKind
	if !kind {
		j.refuseOf(ref.Path+".kind", ref.Kind, "only a Secret can be referenced", secretKind, spelt(ref.Kind, secretKind))
	}
	reachable := j.options.CrossNamespace || ref.In(j.object.Namespace)
	if !reachable {
		j.refuse(ref.Path+".namespace", *ref.Namespace,
			"the Secret is in another namespace; only Secrets of the object's own namespace are kept, whatever a ReferenceGrant allows")
	}
	return group && kind && reachable
}

// spelt returns the word that a text equals except for case, or "".
func spelt(text string, words ...string) string {
	for _, word := range words {
		if strings.EqualFold(text, word) {
			return word
		}
	}
	return ""
}

// take adds the hosts of a valid entry to the ask of a Secret, each once.
func (j *judge) take(entry judged, ref SecretRef) {
	i := j.ask(ref)
	for _, name := range entry.Hosts {
		written := host{i, names.Host(name)}
		if j.seen[written] {
			continue
		}
		if len(j.asks.Asks[i].Hosts) >= MaxHosts {
			j.refuse(entry.Path, "", fmt.Sprintf("the Secret %s has more than %d hosts; the others are left out", problem.Quote(ref.Name), MaxHosts))
			entry.broken = true
			break
		}
		j.seen[written] = true
		j.asks.Asks[i].Hosts = append(j.asks.Asks[i].Hosts, name)
	}
	if entry.broken {
		j.broken(entry.Entry, ref)
		return
	}
	entries := &j.asks.Asks[i].Entries
	*entries = addEntry(*entries, entry.Entry)
}

// broken marks a Secret as one whose Certificate loses no name now.
func (j *judge) broken(entry Entry, ref SecretRef) {
	ask := &j.asks.Asks[j.ask(ref)]
	ask.Broken = addEntry(ask.Broken, entry)
}

// leave keeps the Secrets of an entry named that isn't ours.
func (j *judge) leave(entry Entry) {
	for _, ref := range entry.Secrets {
		j.leaveRef(ref)
	}
}

func (j *judge) leaveRef(ref SecretRef) {
	if isSubdomain(ref.Name) && isNamespace(ref.At(j.object.Namespace).Namespace) {
		j.ask(ref)
	}
}

// ask is the place of a Secret's ask, made if it is new.
func (j *judge) ask(ref SecretRef) int {
	at := ref.At(j.object.Namespace)
	i, found := j.at[at]
	if !found {
		i = len(j.asks.Asks)
		j.at[at] = i
		ask := Ask{Secret: ref.Name}
		if at.Namespace != j.object.Namespace {
			ask.Namespace = at.Namespace
		}
		j.asks.Asks = append(j.asks.Asks, ask)
	}
	return i
}

// ignored says whether an entry is left out before it is judged: by its own name, or as
// all the Secrets that it names are.
func (j *judge) ignored(entry Entry) bool {
	if entry.Section != "" && slices.Contains(j.options.IgnoreSections, entry.Section) {
		return true
	}
	for _, ref := range entry.Secrets {
		if !slices.Contains(j.options.IgnoreSecrets, ref.Name) {
			return false
		}
	}
	return len(entry.Secrets) > 0
}

// unknownIgnores warns of names that leave nothing out. A name that may be either is reported
// only if it is neither.
func (j *judge) unknownIgnores() {
	if len(j.options.IgnoreSections)+len(j.options.IgnoreSecrets) == 0 {
		return
	}
	sections, secrets := j.sections(), j.secrets()
	for _, name := range j.options.IgnoreSecrets {
		if !slices.Contains(secrets, name) && !slices.Contains(sections, name) {
			j.unknownIgnore(name, "an ignore annotation names no listener and no Secret of this object", slices.Concat(sections, secrets))
		}
	}
	for _, name := range j.options.IgnoreSections {
		if !slices.Contains(sections, name) && !slices.Contains(j.options.IgnoreSecrets, name) {
			j.unknownIgnore(name, "an ignore annotation for listeners names none of this object", sections)
		}
	}
}

func (j *judge) unknownIgnore(name, message string, known []string) {
	slices.Sort(known)
	j.asks.Problems.Add(problem.Problem{
		Severity: problem.Warning, Value: name, Reason: problem.BadConfig,
		Message: message, Allowed: AllowedNames(slices.Compact(known)),
	})
}

// secrets are the names of the Secrets that the object names, in whatever namespace.
func (j *judge) secrets() []string {
	names := make([]string, 0, len(j.asks.Named))
	for at := range j.asks.Named {
		names = append(names, at.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// sections are the names of an object's listeners.
func (j *judge) sections() []string {
	var sections []string
	for _, entry := range j.object.Entries {
		if entry.Section != "" {
			sections = append(sections, entry.Section)
		}
	}
	return sections
}

// AllowedNames shows the first few names, as an Event is short.
func AllowedNames(known []string) string {
	const most = 8
	if len(known) > most {
		return strings.Join(known[:most], ", ") + ", …"
	}
	return strings.Join(known, ", ")
}

func (j *judge) refuse(path, value, message string) { j.refuseOf(path, value, message, "", "") }

func (j *judge) refuseOf(path, value, message, allowed, suggestion string) {
	j.asks.Problems.Add(problem.Problem{
		Severity: problem.Error, Path: path, Value: value, Allowed: allowed, Suggestion: suggestion,
		Reason: problem.BadConfig, Message: message,
	})
}

// addEntry adds an entry once: it may name the same Secret twice.
func addEntry(entries []EntryRef, entry Entry) []EntryRef {
	ref := EntryRef{Path: entry.Path, Section: entry.Section}
	if len(entries) > 0 && entries[len(entries)-1] == ref {
		return entries
	}
	return append(entries, ref)
}
