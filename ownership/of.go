package ownership

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/certshim/certshim/certificate"
)

// Of reports whose the fields of a Certificate are. It never fails: what can't be read is nobody's,
// and counted in [Report.Unread].
func Of(in Input) Report {
	r := reporter{in: in, entries: certificate.Entries(in.Live)}
	r.out = identified(in.Live)
	r.out.Ours, r.out.Heal, r.out.Unread = in.Asked != nil, heal(in.Live, r.entries), unread(in.Live)
	for _, e := range r.entries {
		r.holders = append(r.holders, holderOf(e))
		r.out.Entries = append(r.out.Entries, Entry{Holder: r.holders[len(r.holders)-1]})
	}
	r.gather()
	if in.Asked != nil {
		r.settlement = certificate.Settle(in.Asked, in.Live, in.Choice)
	}
	for _, f := range r.fields {
		r.out.Fields = append(r.out.Fields, r.field(f))
	}
	return r.out
}

// reporter is the state of one [Of].
type reporter struct {
	in         Input
	out        Report
	entries    []certificate.Entry
	holders    []Holder
	fields     []*found
	byKey      map[string]*found
	settlement certificate.Settlement
}

// found is a field that was found, with the entries that hold it.
type found struct {
	path    fieldpath.Path
	name    string
	holders []int
}

// identified is the report of which Certificate it is.
func identified(live map[string]any) Report {
	metadata, _ := live["metadata"].(map[string]any)
	out := Report{Namespace: text(metadata, "namespace"), Name: text(metadata, "name"), UID: text(metadata, "uid")}
	switch generation := metadata["generation"].(type) {
	case int64:
		out.Generation = generation
	case float64:
		out.Generation = int64(generation)
	}
	return out
}

func holderOf(e certificate.Entry) Holder {
	return Holder{
		Manager: e.Manager, Operation: e.Operation, Subresource: e.Subresource, APIVersion: e.APIVersion,
		Changed: changedAt(e.Time), Class: ClassOf(e.Manager),
	}
}

// changedAt reads the time of an entry; what can't be written as JSON again can't be read either.
func changedAt(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if at = at.UTC(); err != nil || at.Year() < 0 || at.Year() > 9999 {
		return time.Time{}
	}
	return at
}

// gather finds the fields, and who holds each.
func (r *reporter) gather() {
	r.byKey = map[string]*found{}
	for path := range certificate.Leaves(r.in.Live).All() {
		// A map that is empty isn't a field if something in it is asked for.
		if inner, _ := certificate.Lookup(r.in.Asked, path).(map[string]any); len(inner) == 0 || isOwner(path) {
			r.add(path)
		}
	}
	for path := range certificate.Leaves(r.in.Asked).All() {
		r.add(path)
	}
	for path := range finalizers(r.in.Live) {
		r.add(path)
	}
	for i := range r.entries {
		r.gatherHeld(i)
	}
	for _, f := range r.fields {
		if len(f.holders) == 1 {
			r.out.Entries[f.holders[0]].Alone++
		}
	}
	slices.SortFunc(r.fields, func(a, b *found) int { return a.path.Compare(b.path) })
}

// gatherHeld notes what an entry holds. What isn't there is a field only if it is ours.
func (r *reporter) gatherHeld(entry int) {
	e, counts := r.entries[entry], &r.out.Entries[entry]
	for path := range e.Fields.All() {
		switch {
		case certificate.IsContainer(path, r.in.Live):
			continue
		case !ofMainResource(path):
			counts.Status += count(path[0].FieldName != nil && *path[0].FieldName == "status")
			continue
		}
		counts.Fields++
		f := r.byKey[keyOf(path)]
		if f == nil && e.Ours() {
			f = r.add(path)
		}
		if f != nil {
			f.holders = append(f.holders, entry)
		}
	}
}

// add adds a field unless it is there.
func (r *reporter) add(path fieldpath.Path) *found {
	key := keyOf(path)
	f := r.byKey[key]
	if f == nil {
		f = &found{path: path.Copy(), name: path.String()}
		r.byKey[key] = f
		r.fields = append(r.fields, f)
	}
	return f
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// finalizers are the paths of an object's finalizers.
func finalizers(object map[string]any) func(yield func(fieldpath.Path) bool) {
	return func(yield func(fieldpath.Path) bool) {
		metadata, _ := object["metadata"].(map[string]any)
		items, _ := metadata["finalizers"].([]any)
		for _, item := range items {
			if name, isText := item.(string); isText && !yield(finalizer(name)) {
				return
			}
		}
	}
}

func finalizer(name string) fieldpath.Path {
	return fieldpath.MakePathOrDie("metadata", "finalizers", value.NewValueInterface(name))
}

// isOwner reports whether a path is that of an owner reference, which is one field.
func isOwner(path fieldpath.Path) bool { return path[len(path)-1].Key != nil }

// ofMainResource reports whether a path is one of the fields that are reported.
func ofMainResource(path fieldpath.Path) bool {
	switch root := path[0].FieldName; {
	case root == nil:
		return false
	case *root == "spec":
		return true
	case *root != "metadata" || len(path) < 2 || path[1].FieldName == nil:
		return false
	}
	return slices.Contains([]string{"labels", "annotations", "ownerReferences", "finalizers"}, *path[1].FieldName)
}

// keyOf is a path as text in which, other than in the API server's form, no two are alike.
func keyOf(path fieldpath.Path) string {
	var b strings.Builder
	for _, element := range path {
		// Only what can't be written as JSON fails; then all such are alike.
		text, _ := fieldpath.SerializePathElement(element)
		b.WriteString(strconv.Itoa(len(text)))
		b.WriteString(text)
	}
	return b.String()
}

// field is what is to be said of one field.
func (r *reporter) field(f *found) Field {
	out := r.judged(f)
	out.Live, out.Wanted = shown(out.Path, out.Live), shown(out.Path, out.Wanted)
	return out
}

// NotShown stands for a value that reports keep to themselves.
const NotShown = "(not shown)"

// lastApplied is the annotation in which kubectl apply keeps the whole object.
const lastApplied = ".metadata.annotations.kubectl.kubernetes.io/last-applied-configuration"

// shown hides what is secret in a Certificate: a keystore's password, which kubectl's annotation
// repeats.
func shown(path string, value any) any {
	isPassword := strings.HasPrefix(path, ".spec.keystores.") && strings.HasSuffix(path, ".password")
	if value != nil && (isPassword || path == lastApplied) {
		return NotShown
	}
	return value
}

func (r *reporter) judged(f *found) Field {
	out := Field{
		Path: f.name, Live: certificate.Lookup(r.in.Live, f.path), Wanted: certificate.Lookup(r.in.Asked, f.path),
	}
	for _, i := range f.holders {
		out.Holders = append(out.Holders, r.holders[i])
	}
	if !r.out.Ours {
		return out
	}
	out.Cause = r.settlement.Cause(f.path, r.in.Held)
	out.Should = r.should(f.path, out)
	out.Stays = out.Wanted != nil && slices.ContainsFunc(f.holders, func(i int) bool { return r.entries[i].Keeps() })
	out.Fight = r.fight(f.path)
	out.Verdict = r.verdict(f, out)
	r.countRules(f, out)
	return out
}

// countRules counts the field once for each rule that decides about it.
func (r *reporter) countRules(f *found, out Field) {
	if out.Wanted == nil {
		return
	}
	var counted []int
	for _, i := range f.holders {
		rule := r.in.Choice.Rule(r.entries[i], f.path)
		if rule == 0 || r.entries[i].Ours() || slices.Contains(counted, rule) {
			continue
		}
		if counted = append(counted, rule); r.out.Rules == nil {
			r.out.Rules = map[int]int{}
		}
		r.out.Rules[rule]++
	}
}

func (r *reporter) should(path fieldpath.Path, f Field) Should {
	if keeper, kept := r.settlement.Keeper(path); kept {
		return Should{Manager: keeper.Manager, By: ByRule, Rule: keeper.Rule}
	}
	switch {
	case f.Cause == certificate.FieldRespected:
		return Should{By: ByRule}
	case f.Wanted != nil:
		return Should{Manager: certificate.FieldManager, By: BySource}
	}
	return Should{By: ByNobody}
}

// fight is the one over a field that is left to whoever takes it, if there is one.
func (r *reporter) fight(path fieldpath.Path) *Fight {
	keeper, kept := r.settlement.Keeper(path)
	if !kept || keeper.Rounds == 0 || keeper.Field != path.String() {
		return nil
	}
	return &Fight{Path: keeper.Field, Manager: keeper.Manager, Operation: keeper.Operation, Rounds: keeper.Rounds}
}

// verdict is the first of [Verdicts] that fits.
func (r *reporter) verdict(f *found, out Field) Verdict {
	switch {
	case r.any(f, certificate.Entry.Unserved):
		return Unserved
	case r.isUntracked(f, out):
		return Untracked
	case out.Fight != nil:
		return Contested
	}
	switch out.Cause {
	case certificate.FieldLeft, certificate.FieldContested, certificate.FieldLeftWithUnit, certificate.FieldRespected:
		return Yielded
	case certificate.FieldUnrecorded:
		return Unowned
	case "":
		return r.atRest(f, out)
	default:
		return Drifted
	}
}

// atRest is the verdict on a field that the next apply leaves as it is.
func (r *reporter) atRest(f *found, out Field) Verdict {
	switch {
	case out.Wanted == nil:
		return Foreign
	case len(f.holders) > 1:
		return Shared
	}
	return Ours
}

// isUntracked reports whether nothing is recorded of a field, or nobody who is known.
func (r *reporter) isUntracked(f *found, out Field) bool {
	if len(r.entries) == 0 || len(f.holders) == 0 && out.Wanted == nil {
		return true
	}
	known := func(e certificate.Entry) bool { return !isNobody(e.Manager) }
	return len(f.holders) > 0 && !r.any(f, known)
}

func (r *reporter) any(f *found, is func(certificate.Entry) bool) bool {
	return slices.ContainsFunc(f.holders, func(i int) bool { return is(r.entries[i]) })
}

// unread is how many entries of managedFields aren't as the API server writes them.
func unread(live map[string]any) (n int) {
	metadata, _ := live["metadata"].(map[string]any)
	if metadata["managedFields"] == nil {
		return 0
	}
	items, isList := metadata["managedFields"].([]any)
	if !isList {
		return 1
	}
	for _, item := range items {
		content, _ := item.(map[string]any)
		id := identity{Operation: text(content, "operation")}
		_, err := readSet(content["fieldsV1"])
		n += count(err != nil || wellFormed(id, text(content, "apiVersion"), text(content, "fieldsType")) != nil)
	}
	return n
}

// heal is the JSON patch that rewrites the entries of versions that aren't served any more to the
// one that is, nil if there are none.
func heal(live map[string]any, entries []certificate.Entry) []byte {
	if !slices.ContainsFunc(entries, certificate.Entry.Unserved) {
		return nil
	}
	metadata, _ := live["metadata"].(map[string]any)
	items, _ := metadata["managedFields"].([]any)
	healed := make([]any, 0, len(items))
	for _, item := range items {
		content, _ := item.(map[string]any)
		if version := text(content, "apiVersion"); version != "" && version != apiVersion {
			content = withVersion(content)
		}
		healed = append(healed, content)
	}
	patch, err := json.Marshal([]any{
		map[string]any{"op": "replace", "path": "/metadata/managedFields", "value": healed},
		map[string]any{"op": "replace", "path": "/metadata/resourceVersion", "value": text(metadata, "resourceVersion")},
	})
	if err != nil {
		return nil
	}
	return patch
}

func withVersion(content map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range content {
		out[name] = value
	}
	out["apiVersion"] = apiVersion
	return out
}
