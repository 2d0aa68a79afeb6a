package certificate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
)

// RespectedKey is the annotation that lists the fields of a Certificate that somebody removed and that
// stay out, where the operator wants that. Each has a hash of the value that was asked for then: once
// something else is asked for, the field is set again.
const RespectedKey = annotations.OwnPrefix + "respected"

// maxRespected is how long the list gets, in bytes. A field for which there is no room is put back.
const maxRespected = 4 << 10

// respected is a field and the value that is asked for, as the annotation has it.
func respected(path fieldpath.Path, wanted any) string {
	text, err := json.Marshal(wanted) // of maps in the order of their keys
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return path.String() + "=" + hex.EncodeToString(sum[:6])
}

// mayStayOut reports whether a field that somebody removed may stay out. Those that tie the Certificate
// to its source may not, nor parts of the issuer, nor names: clients would lose their certificate.
func mayStayOut(path fieldpath.Path) bool {
	return !identity(path) && !within(path, pathIssuerRef) && !isNamePath(path) && !strings.ContainsAny(path.String(), " \n")
}

// isNamePath reports whether a field is a list of names.
func isNamePath(path fieldpath.Path) bool {
	return slices.ContainsFunc(nameFields(), func(f nameField) bool {
		return path.Equals(fieldpath.MakePathOrDie("spec", specName(f.field)))
	})
}

// noteRespected puts into a configuration what still counts of a list: fields for which the same is asked
// as when they were removed.
func noteRespected(config map[string]any, list string) {
	if list == "" {
		return
	}
	listed := strings.Fields(list)
	setRespected(config, where(leaves(config), func(path fieldpath.Path) bool {
		return mayStayOut(path) && slices.Contains(listed, respected(path, lookup(config, path)))
	}))
}

// setRespected lists fields of a configuration, which are still in it.
func setRespected(config map[string]any, fields *fieldpath.Set) {
	var list []string
	for path := range fields.All() {
		list = append(list, respected(path, lookup(config, path)))
	}
	if slices.Sort(list); len(list) > 0 {
		put(config, pathRespected, strings.Join(list, " "))
	}
}

// leaveOutRespected takes the fields that a configuration lists out of it, and returns them.
func leaveOutRespected(config map[string]any) *fieldpath.Set {
	list, _ := lookup(config, pathRespected).(string)
	if list == "" {
		return fieldpath.NewSet()
	}
	listed := strings.Fields(list)
	out := where(leaves(config), func(path fieldpath.Path) bool {
		return slices.Contains(listed, respected(path, lookup(config, path)))
	})
	for path := range out.All() {
		remove(config, path)
	}
	return out
}

// respectRemovals leaves out what somebody has removed by hand from a Certificate that was as it is asked
// for: what isn't there, isn't ours any more, and is nobody else's.
func (s *settlement) respectRemovals(own *fieldpath.Set, live map[string]any) {
	removed := where(leaves(s.config), func(path fieldpath.Path) bool {
		return lookup(live, path) == nil && !own.Has(path) && mayStayOut(path)
	})
	list, _ := lookup(s.config, pathRespected).(string)
	items := strings.Fields(list)
	for path := range removed.All() {
		item := respected(path, lookup(s.config, path))
		if item == "" || len(list)+len(item)+1 > maxRespected {
			continue
		}
		items = append(items, item)
		slices.Sort(items)
		list = strings.Join(items, " ")
		remove(s.config, path)
		s.respected.Insert(path)
	}
	if len(items) > 0 {
		put(s.config, pathRespected, list)
	}
}

// addRespected says which fields stay out. config has the list of them.
func (d *decider) addRespected(config map[string]any) {
	list, _ := lookup(config, pathRespected).(string)
	for _, item := range strings.Fields(list) {
		field := item[:strings.LastIndexByte(item, '=')]
		d.out.Problems.Add(problem.Problem{
			Severity: problem.Info, Path: strings.TrimPrefix(field, "."), Reason: problem.RemovalRespected,
			Message: fmt.Sprintf("somebody removed %s of Certificate %s; it stays out until another value is asked for", field, problem.Name(d.seen.Name)),
		})
	}
}
