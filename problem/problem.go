package problem

import (
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Severity tells how much a problem matters to what the object asks for.
type Severity string

const (
	// Error means that something the object asks for is not done.
	Error Severity = "error"
	// Warning means that everything was done, but probably not as intended.
	Warning Severity = "warning"
	// Info means that everything was done as asked for, in a way that is good to know. It shows in
	// a report and in the metrics. It never makes a plan fail, and is an Event only where its
	// reason says so.
	Info Severity = "info"
)

// Severities lists every severity, the worst first.
func Severities() []Severity { return []Severity{Error, Warning, Info} }

// MaxValue is the number of bytes after which [Problem.Shown] cuts a value. Values come from
// users and may be as large as an annotation, 256 KiB.
const MaxValue = 128

// maxName is the longest object name that Kubernetes accepts, in bytes.
const maxName = 253

// Object identifies the object that a problem belongs to. The zero value means "not set yet":
// the rooms below the root leave it empty, and the root fills it in.
type Object struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// IsZero reports whether the object is not set.
func (o Object) IsZero() bool { return o == Object{} }

// String returns Kind/namespace/name, or Kind/name for a cluster-scoped object. The kind has its group as in
// [Object.InNamespace].
func (o Object) String() string {
	if o.Namespace == "" {
		return o.InNamespace()
	}
	return o.kind() + "/" + o.Namespace + "/" + o.Name
}

// InNamespace returns Kind/name, as in Ingress/web or Gateway.networking.istio.io/web: kubectl takes both. The group
// is left out where it is one of Kubernetes' or cert-manager's, whose kinds differ by name.
func (o Object) InNamespace() string { return o.kind() + "/" + o.Name }

func (o Object) kind() string {
	switch group := "." + o.Group; {
	case o.Group == "", strings.HasSuffix(group, ".k8s.io"), strings.HasSuffix(group, ".cert-manager.io"):
		return o.Kind
	default:
		return o.Kind + group
	}
}

// Problem is one mistake or conflict. It is a plain comparable value: equal problems are the
// same problem.
type Problem struct {
	Severity Severity `json:"severity"`
	// Object is the one whose author can fix the problem, usually the source.
	Object Object `json:"object,omitzero"`
	// Certificate is the name of the one that the problem is about, which is its Secret's, or empty.
	Certificate string `json:"certificate,omitempty"`
	// Path is the field that is wrong, such as spec.tls[0].hosts, or empty.
	Path string `json:"path,omitempty"`
	// Key is the annotation, flag or configuration key that is wrong, or empty.
	Key string `json:"key,omitempty"`
	// Value is the wrong value as written.
	Value string `json:"value,omitempty"`
	// Allowed describes the valid values in words.
	Allowed string `json:"allowed,omitempty"`
	// Suggestion is the nearest valid value, ready to paste, or empty.
	Suggestion string `json:"suggestion,omitempty"`
	// Lines are whole lines of valid YAML, ready to paste. Whoever sets them must have quoted
	// all user input in them.
	Lines  string `json:"lines,omitempty"`
	Reason Reason `json:"reason"`
	// Message is a sentence fragment for people, without key, value and suggestion, which
	// [Problem.Error] adds.
	Message string `json:"message"`
}

// Error renders the problem on one line: place, message, value, what is allowed, and the
// suggestion, or what is to be written if Lines is set. Values
// and suggestions are quoted, so that line breaks and control characters in annotations never
// reach a log, Event or page unescaped.
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
		b.WriteString("; write " + OneLine(p.Lines))
	case p.Suggestion != "":
		b.WriteString("; did you mean " + Quote(p.Suggestion) + "?")
	}
	return b.String()
}

// Identity identifies the problem: it is the same when the problem is found again. Answers of the API
// server that differ only in numbers outside of quotes, such as a quota's usage, share it.
func (p Problem) Identity() string {
	text := p.Error()
	if p.Reason.Answered() {
		text = withoutNumbers(text)
	}
	return strings.Join([]string{string(p.Severity), string(p.Reason), p.Object.String(), text}, "\x00")
}

// withoutNumbers drops the digits outside of double quotes.
func withoutNumbers(text string) string {
	quoted, escaped := false, false
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"' && !escaped:
			quoted = !quoted
		case !quoted && '0' <= r && r <= '9':
			return -1
		}
		escaped = r == '\\' && !escaped
		return r
	}, text)
}

// OneLine joins the lines of a text, and with commas those of a block that is indented.
func OneLine(text string) string {
	var b strings.Builder
	within := false
	for i, line := range strings.Split(text, "\n") {
		indented := strings.HasPrefix(line, "  ")
		if i > 0 && indented && within {
			b.WriteString(",")
		}
		if i > 0 {
			b.WriteString(" ")
		}
		within = indented
		b.WriteString(strings.TrimSpace(line))
	}
	return b.String()
}

// place is the key or path, and the Certificate, unless the message has its name.
func (p Problem) place() string {
	place := cmp.Or(p.Key, p.Path)
	if p.Certificate == "" || strings.Contains(p.Message, Name(p.Certificate)) {
		return place
	}
	return strings.TrimSpace(place + " (Certificate " + Name(p.Certificate) + ")")
}

// Shown returns the value quoted and cut to at most [MaxValue] bytes, at a character boundary.
func (p Problem) Shown() string { return Quote(p.Value) }

// Quote returns user input in Go's quoted form, cut to at most [MaxValue] bytes.
func Quote(s string) string {
	short := Cut(s)
	if len(short) == len(s) {
		return strconv.Quote(s)
	}
	return strconv.Quote(short) + "…"
}

// Cut returns the beginning of a text: at most [MaxValue] bytes, up to a character boundary.
func Cut(s string) string {
	if len(s) <= MaxValue {
		return s
	}
	end := MaxValue
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// Name returns an object's name for use in a sentence: as it is if it looks like a name, else
// quoted. The API server accepts any text as kind and name of an owner reference, and as the
// name of a ListenerSet's parent.
func Name(s string) string {
	const plain = "-._/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if s == "" || len(s) > maxName || strings.Trim(s, plain) != "" {
		return Quote(s)
	}
	return s
}
