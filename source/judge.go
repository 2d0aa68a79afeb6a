package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

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
	at   map[string]int
	seen map[host]bool
	// hostPath is where the n-th host of an entry stands.
	hostPath func(entry Entry, n int) string
}

// host is a host of one Secret.
type host struct {
	ask  int
	name string
}

func newJudge(object *Object, options Options) *judge {
	j := &judge{
		object: object, options: options,
		at: make(map[string]int, len(object.Entries)), seen: map[host]bool{},
	}
	j.asks.Named = make(map[string]bool, len(object.Entries))
	for _, entry := range object.Entries {
		for _, ref := range entry.Secrets {
			if ref.Name != "" {
				j.asks.Named[ref.Name] = true
			}
		}
	}
	return j
}

func (j *judge) done() Asks {
	j.unknownIgnores()
	return j.asks
}

// refs judges each reference of an entry by itself: a bad one costs only itself.
func (j *judge) refs(entry Entry) {
	for _, ref := range entry.Secrets {
		switch {
		case slices.Contains(j.options.IgnoreSecrets, ref.Name):
			j.leaveRef(ref)
		case !j.goodName(ref):
		case !j.goodRef(ref), len(entry.Hosts) == 0:
			j.broken(entry, ref)
		default:
			j.take(entry, ref)
		}
	}
}

// goodName checks a Secret's name. Without a valid one no Certificate can exist.
func (j *judge) goodName(ref SecretRef) bool {
	if len(validation.IsDNS1123Subdomain(ref.Name)) == 0 {
		return true
	}
	path := ref.Path
	if !strings.HasSuffix(path, ".secretName") {
		path += ".name"
	}
	j.refuseOf(path, ref.Name, "it isn't the name of a Secret", "lower-case letters, digits, '-' and '.', at most 253")
	return false
}

// goodRef checks that a reference is to a Secret of the object's own namespace.
func (j *judge) goodRef(ref SecretRef) bool {
	switch {
	case ref.Group != "" && ref.Group != "core":
		j.refuseOf(ref.Path+".group", ref.Group, "only a Secret can be referenced", `"" (the core group)`)
	case ref.Kind != secretKind:
		j.refuseOf(ref.Path+".kind", ref.Kind, "only a Secret can be referenced", secretKind)
	case ref.Namespace != nil && *ref.Namespace != j.object.Namespace:
		j.refuse(ref.Path+".namespace", *ref.Namespace, fmt.Sprintf(
			"the Secret is in another namespace, and no ReferenceGrant there lets a %s of namespace %s name it; only Secrets of the own namespace are kept",
			j.object.Kind, problem.Quote(j.object.Namespace)))
	default:
		return true
	}
	return false
}

// take adds the hosts of a valid entry to the ask of a Secret.
func (j *judge) take(entry Entry, ref SecretRef) {
	i := j.ask(ref.Name)
	wrong := false
	for n, name := range entry.Hosts {
		if len(j.asks.Asks[i].Hosts) >= MaxHosts || n >= 2*MaxHosts {
			j.refuse(entry.Path, "", fmt.Sprintf("the Secret %s has more than %d hosts; the others are left out", problem.Quote(ref.Name), MaxHosts))
			wrong = true
			break
		}
		if why := badHost(name); why != "" {
			j.refuseOf(j.hostPath(entry, n), name, why, "an IP address, or a DNS name that may begin with *.")
			wrong = true
			continue
		}
		if !j.seen[host{i, name}] {
			j.seen[host{i, name}] = true
			j.asks.Asks[i].Hosts = append(j.asks.Asks[i].Hosts, name)
		}
	}
	if wrong {
		j.broken(entry, ref)
		return
	}
	entries := &j.asks.Asks[i].Entries
	*entries = addEntry(*entries, entry)
}

// broken marks a Secret as one whose Certificate loses no name now.
func (j *judge) broken(entry Entry, ref SecretRef) {
	ask := &j.asks.Asks[j.ask(ref.Name)]
	ask.Broken = addEntry(ask.Broken, entry)
}

// leave keeps the Secrets of an entry named that isn't ours.
func (j *judge) leave(entry Entry) {
	for _, ref := range entry.Secrets {
		j.leaveRef(ref)
	}
}

func (j *judge) leaveRef(ref SecretRef) {
	if len(validation.IsDNS1123Subdomain(ref.Name)) == 0 {
		j.ask(ref.Name)
	}
}

// ask is the place of a Secret's ask, made if it is new.
func (j *judge) ask(secret string) int {
	i, found := j.at[secret]
	if !found {
		i = len(j.asks.Asks)
		j.at[secret] = i
		j.asks.Asks = append(j.asks.Asks, Ask{Secret: secret})
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

// unknownIgnores warns of names that leave nothing out. A name that may be either is told
// only if it is neither.
func (j *judge) unknownIgnores() {
	if len(j.options.IgnoreSections)+len(j.options.IgnoreSecrets) == 0 {
		return
	}
	sections, secrets := j.sections(), slices.Sorted(maps.Keys(j.asks.Named))
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
		Message: message, Allowed: allowedNames(slices.Compact(known)),
	})
}

// sections are the names of an object's listeners.
func (j *judge) sections() []string {
	var names []string
	for _, entry := range j.object.Entries {
		if entry.Section != "" {
			names = append(names, entry.Section)
		}
	}
	return names
}

// allowedNames shows the first few names, as an Event is short.
func allowedNames(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

func (j *judge) refuse(path, value, message string) { j.refuseOf(path, value, message, "") }

func (j *judge) refuseOf(path, value, message, allowed string) {
	j.asks.Problems.Add(problem.Problem{
		Severity: problem.Error, Path: path, Value: value, Allowed: allowed,
		Reason: problem.BadConfig, Message: message,
	})
}

// addEntry adds an entry once: it may name the same Secret twice.
func addEntry(entries []EntryRef, entry Entry) []EntryRef {
	ref := EntryRef{Path: entry.Path}
	if len(entries) > 0 && entries[len(entries)-1] == ref {
		return entries
	}
	return append(entries, ref)
}
