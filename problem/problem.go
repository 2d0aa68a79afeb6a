package problem

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Severity says whether a problem stops something from being done.
type Severity string

const (
	// Error means that something the object asks for is not done because of it.
	Error Severity = "error"
	// Warning means that all was done, but probably not as it was meant.
	Warning Severity = "warning"
)

// MaxValue is the length in bytes to which [Problem.Shown] cuts a value: a value is
// written by a stranger and may be as large as an annotation, 256 KiB.
const MaxValue = 128

// maxName is the length of the longest name that Kubernetes knows.
const maxName = 253

// Object names the object a problem belongs to. The zero value means "not yet known":
// the rooms below the root leave it empty, and the root fills it in.
type Object struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// IsZero says whether the object is not known yet.
func (o Object) IsZero() bool { return o == Object{} }

// String gives Kind/namespace/name, or Kind/name for an object without a namespace.
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Kind + "/" + o.Name
	}
	return o.Kind + "/" + o.Namespace + "/" + o.Name
}

// Problem is one thing that is wrong. It is a plain comparable value: two problems
// that are equal are one problem.
type Problem struct {
	Severity Severity `json:"severity"`
	// Object is the object whose author can mend it, usually the source.
	Object Object `json:"object,omitzero"`
	// Path is where it is wrong: a field path such as spec.tls[0].hosts, or empty.
	Path string `json:"path,omitempty"`
	// Key is the annotation, flag or configuration key that is wrong, or empty.
	Key string `json:"key,omitempty"`
	// Value is what stands there, as it was written.
	Value string `json:"value,omitempty"`
	// Allowed says in words what may stand there.
	Allowed string `json:"allowed,omitempty"`
	// Suggestion is the nearest right spelling, ready to be pasted, or empty.
	Suggestion string `json:"suggestion,omitempty"`
	// Lines are whole lines of YAML that would be right, ready to be pasted. Whoever sets
	// them has quoted in them what strangers wrote.
	Lines  string `json:"lines,omitempty"`
	Reason Reason `json:"reason"`
	// Message is a sentence fragment for people, without key, value or suggestion:
	// [Problem.Error] adds those.
	Message string `json:"message"`
}

// Error renders the problem in one line: place, message, value, what is allowed, and
// the suggestion; or in its place the lines to paste, which come last. Values and suggestions are quoted, so that a line break or a control
// character of an annotation reaches no log, Event or page unescaped.
func (p Problem) Error() string {
	var b strings.Builder
	if place := p.place(); place != "" {
		b.WriteString(place)
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	if p.Value != "" {
		b.WriteString(" (value " + p.Shown() + ")")
	}
	if p.Allowed != "" {
		b.WriteString("; allowed: " + p.Allowed)
	}
	switch {
	case p.Lines != "":
		b.WriteString("; write\n" + p.Lines)
	case p.Suggestion != "":
		b.WriteString("; did you mean " + Quote(p.Suggestion) + "?")
	}
	return b.String()
}

func (p Problem) place() string {
	if p.Key != "" {
		return p.Key
	}
	return p.Path
}

// Shown is the value quoted, and cut to [MaxValue] bytes at a character's boundary.
func (p Problem) Shown() string { return Quote(p.Value) }

// Quote is text from an object as Go quotes it, cut to [MaxValue] bytes.
func Quote(s string) string {
	if len(s) <= MaxValue {
		return strconv.Quote(s)
	}
	cut := MaxValue
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.Quote(s[:cut]) + "…"
}

// Name is a name from an object as it may stand in a sentence: as it is if it looks like
// one, else quoted. The API server takes any text for the kind and name of an owner
// reference, and for the name of a ListenerSet's parent.
func Name(s string) string {
	const plain = "-._/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if s == "" || len(s) > maxName || strings.Trim(s, plain) != "" {
		return Quote(s)
	}
	return s
}
