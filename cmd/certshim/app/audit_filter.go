package app

import (
	"errors"
	"slices"
	"strings"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/ownership"
)

// attention are the verdicts on which somebody may have to act. What is untracked, shared or
// foreign is a normal state.
func attention() []ownership.Verdict {
	return []ownership.Verdict{ownership.Unserved, ownership.Contested, ownership.Yielded, ownership.Drifted, ownership.Unowned}
}

// fieldFilter says which fields are shown: those that have one of the verdicts, and one of the
// holders. Where nothing is given, all have.
type fieldFilter struct {
	verdicts []ownership.Verdict
	classes  []ownership.Class
	managers []string
}

// managerPrefix begins the words of --only that name a manager.
const managerPrefix = "manager:"

// parseOnly reads the words of --only.
func parseOnly(words []string) (f fieldFilter, err error) {
	known := slices.Concat(verdictNames(), classNames())
	for _, word := range words {
		manager, isManager := strings.CutPrefix(word, managerPrefix)
		switch {
		case isManager:
			f.managers = append(f.managers, manager)
		case slices.Contains(verdictNames(), word):
			f.verdicts = append(f.verdicts, ownership.Verdict(word))
		case slices.Contains(classNames(), word):
			f.classes = append(f.classes, ownership.Class(word))
		default:
			err = errors.Join(err, unknownWord("--only", word, append(known, managerPrefix+"NAME")))
		}
	}
	return f, err
}

// all reports whether every field is shown.
func (f fieldFilter) all() bool {
	return len(f.verdicts) == 0 && !f.byHolder()
}

func (f fieldFilter) byHolder() bool { return len(f.classes) > 0 || len(f.managers) > 0 }

// orAttention shows what needs attention where nothing else is asked for.
func (f fieldFilter) orAttention() fieldFilter {
	if f.all() {
		f.verdicts = attention()
	}
	return f
}

func (f fieldFilter) shows(field ownership.Field) bool {
	if len(f.verdicts) > 0 && !slices.Contains(f.verdicts, field.Verdict) {
		return false
	}
	return !f.byHolder() || slices.ContainsFunc(field.Holders, func(h ownership.Holder) bool {
		return slices.Contains(f.classes, h.Class) || slices.Contains(f.managers, h.Manager)
	})
}

// fields are those of a list that are shown.
func (f fieldFilter) fields(all []ownership.Field) []ownership.Field {
	if f.all() {
		return all
	}
	var shown []ownership.Field
	for _, field := range all {
		if f.shows(field) {
			shown = append(shown, field)
		}
	}
	return shown
}

// ownHolder is certshim, as it holds fields.
func ownHolder() []ownership.Holder {
	manager := certificate.FieldManager
	return []ownership.Holder{{Manager: manager, Operation: ownApply, Class: ownership.ClassOf(manager)}}
}

// ownApply is the operation by which certshim holds fields.
const ownApply = "Apply"

func verdictNames() []string {
	var names []string
	for _, v := range ownership.Verdicts() {
		names = append(names, string(v))
	}
	return names
}

func classNames() []string {
	var names []string
	for _, c := range ownership.Classes() {
		names = append(names, string(c))
	}
	return names
}

func findingNames() []string {
	var names []string
	for _, k := range ownership.Kinds() {
		names = append(names, string(k))
	}
	return names
}

// failures are the words of --fail-on.
func failures() []string { return slices.Concat(verdictNames(), findingNames()) }

// listed joins verdicts as a sentence does.
func listed(verdicts []ownership.Verdict) string {
	var names []string
	for _, v := range verdicts {
		names = append(names, string(v))
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
