package ownership

import (
	"time"

	"github.com/certshim/certshim/certificate"
)

// Input is what a report goes by.
type Input struct {
	// Live is the Certificate as the API server has it, with managedFields. It isn't changed.
	Live map[string]any
	// Asked is the configuration that its source asks for, as [certificate.Decision.Asked] has it;
	// nil if no source that owns the Certificate does. Without it no field gets a verdict.
	Asked map[string]any
	// Choice is what is done about fields that others hold, as [certificate.Decision.Choice] has it. The
	// zero Choice has the defaults. Its fights are those that a controller knows of, and nobody else:
	// managedFields keep no trace of them.
	Choice certificate.Choice
	// Held is set where nothing of the Certificate changes, as [certificate.CauseChangesHeld] says.
	Held bool
}

// Fight is a field that was put back again and again, and taken again by the same manager.
type Fight struct {
	// Path is that of the field, as in [Field.Path].
	Path string `json:"path"`
	// Manager takes the field by Operation.
	Manager   string `json:"manager"`
	Operation string `json:"operation"`
	// Rounds is how often it did.
	Rounds int `json:"rounds"`
}

// Report is whose the fields of one Certificate are.
type Report struct {
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	UID        string `json:"uid,omitempty"`
	Generation int64  `json:"generation,omitempty"`
	// Ours is set if a source that owns the Certificate asks for it. If not, fields have no verdict.
	Ours bool `json:"ours"`
	// Fields are sorted by path. They are the fields of the spec, the labels, annotations, owner
	// references and finalizers that are there, asked for, or recorded in managedFields. Fields of
	// the status are none of them.
	Fields []Field `json:"fields,omitempty"`
	// Entries are the entries of managedFields, as they stand there.
	Entries []Entry `json:"entries,omitempty"`
	// Heal is set if an entry names a version that isn't served any more: then every apply fails.
	// It is the JSON patch that mends that and changes nothing else.
	Heal []byte `json:"-"`
	// Unread is how many entries of managedFields aren't as the API server writes them.
	Unread int `json:"unread,omitempty"`
	// Rules has, by the numbers of the operator's rules, how many fields each decides about: fields that
	// are asked for and that somebody else holds, whether or not with another value.
	Rules map[int]int `json:"-"`
}

// Counts are how many fields have each verdict, without those that have none.
func (r Report) Counts() map[Verdict]int {
	counts := map[Verdict]int{}
	for _, f := range r.Fields {
		if f.Verdict != "" {
			counts[f.Verdict]++
		}
	}
	return counts
}

// Entry is one entry of managedFields.
type Entry struct {
	Holder
	// Fields is how many fields of the main resource it holds, without containers, Status how many
	// of the status, by path. Alone counts those of Fields that nobody else holds.
	Fields int `json:"fields"`
	Status int `json:"status,omitempty"`
	Alone  int `json:"alone"`
}

// Holder holds fields by one entry of managedFields.
type Holder struct {
	// Manager may be empty: the API server accepts that.
	Manager string `json:"manager"`
	// Operation is Apply or Update, or what else stands there.
	Operation   string `json:"operation"`
	Subresource string `json:"subresource,omitempty"`
	APIVersion  string `json:"apiVersion,omitempty"`
	// Changed is when the entry last changed a value: for one of its fields "not after", never
	// "since". It is zero where nothing readable is recorded, and may lie in the future.
	Changed time.Time `json:"changed,omitzero"`
	Class   Class     `json:"class"`
}

// Field is one field of a Certificate. Lists of the spec are one field each, and so is each key
// of labels, annotations and the maps of the spec.
type Field struct {
	// Path is the path as the API server writes it in conflicts: .spec.duration,
	// .metadata.labels.team, .metadata.ownerReferences[uid="…"].
	Path string `json:"path"`
	// Live and Wanted are the values as decoded from JSON, nil for none, and [NotShown] for passwords.
	Live   any `json:"live,omitempty"`
	Wanted any `json:"wanted,omitempty"`
	// Holders are all who hold it, as managedFields have them in order.
	Holders []Holder `json:"holders,omitempty"`
	// Should says who should hold the field, and why; zero on a Certificate that isn't ours.
	Should Should `json:"should,omitzero"`
	// Verdict is empty on a Certificate that isn't ours.
	Verdict Verdict `json:"verdict,omitempty"`
	// Cause is why the next apply does with the field what it does.
	Cause certificate.FieldCause `json:"cause,omitempty"`
	// Stays is set if the field would stay if its source no longer asked for it, since somebody
	// else applies it too.
	Stays bool `json:"stays,omitempty"`
	// Fight is set for a field that is contested.
	Fight *Fight `json:"fight,omitempty"`
}

// Should is who should hold a field.
type Should struct {
	// Manager is certshim's, or that of somebody whom a rule leaves the field; empty for nobody.
	Manager string `json:"manager,omitempty"`
	// By is why.
	By Authority `json:"by"`
	// Rule is the number of the operator's rule that says so, counted from 1; 0 is a default, or what the
	// source chose.
	Rule int `json:"rule,omitempty"`
}

// Authority is what gives somebody a field.
type Authority string

const (
	// BySource means that the source asks for the field, by an annotation, its hosts, its labels or its
	// identity, or the operator's policy or the issuer's resolver filled it in where the source
	// says nothing.
	BySource Authority = "source"
	// ByRule means that a rule, or the default for those who apply, leaves it to somebody else, or that
	// it stays out since somebody removed it.
	ByRule Authority = "rule"
	// ByNobody means that nobody asks for it.
	ByNobody Authority = "nobody"
)

// Verdict is what is to be said of a field. The first that fits counts, in the order of [Verdicts].
type Verdict string

const (
	// Unserved is a field of an entry in a version that is no longer served: every apply fails.
	Unserved Verdict = "unserved"
	// Untracked is a field of which nothing is recorded, or only that it was set before anything
	// was. That is a normal state.
	Untracked Verdict = "untracked"
	// Contested is a field that is taken from us again and again.
	Contested Verdict = "contested"
	// Yielded is a field that is asked for and left to its holder.
	Yielded Verdict = "yielded"
	// Drifted is a field that the next apply changes or takes, or that is ours and no longer asked
	// for.
	Drifted Verdict = "drifted"
	// Unowned is a field that is there as asked for, and recorded for nobody.
	Unowned Verdict = "unowned"
	// Shared is a field that we and others hold, with the value that is asked for.
	Shared Verdict = "shared"
	// Foreign is a field that others hold and nobody asks for.
	Foreign Verdict = "foreign"
	// Ours is a field that we alone hold, with the value that is asked for.
	Ours Verdict = "ours"
)

// Verdicts lists every verdict, in the order in which they count.
func Verdicts() []Verdict {
	return []Verdict{Unserved, Untracked, Contested, Yielded, Drifted, Unowned, Shared, Foreign, Ours}
}

// Words are what the verdict means, as a sentence fragment.
func (v Verdict) Words() string { return words[v] }

// words is never changed.
var words = map[Verdict]string{
	Unserved:  "recorded in a version that is no longer served; every apply fails",
	Untracked: "nothing is recorded of who set it",
	Contested: "taken from certshim again and again, and left for now",
	Yielded:   "asked for, and left to who holds it",
	Drifted:   "not as it is asked for",
	Unowned:   "as asked for, and recorded for nobody",
	Shared:    "held by others too, with the value that is asked for",
	Foreign:   "set by others, and not asked for",
	Ours:      "held by certshim alone",
}
