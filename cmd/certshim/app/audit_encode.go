package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certshim/certshim/ownership"
)

// jsonEncoder appends an auditedCertificate as [json.Marshal] and [escaped] would write it. It is
// written by hand because a large cluster has hundreds of thousands of fields.
type jsonEncoder struct {
	text []byte
	err  error
}

func (e *jsonEncoder) certificate(c auditedCertificate) {
	e.begin('{')
	e.optional("namespace", c.Namespace)
	e.required("name", c.Name)
	e.optional("uid", c.UID)
	if c.Generation != 0 {
		e.name("generation")
		e.integer(c.Generation)
	}
	e.boolean("ours", c.Ours)
	if len(c.Fields) > 0 {
		e.name("fields")
		each(e, c.Fields, e.field)
	}
	if len(c.Entries) > 0 {
		e.name("entries")
		each(e, c.Entries, e.entry)
	}
	e.count("unread", c.Unread)
	e.required("secret", c.Secret)
	if c.Source != nil {
		e.name("source")
		e.begin('{')
		e.required("group", c.Source.Group)
		e.required("kind", c.Source.Kind)
		e.required("name", c.Source.Name)
		e.end('}')
	}
	if len(c.Heal) > 0 {
		e.name("heal")
		e.marshal(c.Heal)
	}
	e.value("managedFields", c.ManagedFields)
	e.end('}')
}

func (e *jsonEncoder) field(f ownership.Field) {
	e.begin('{')
	e.required("path", f.Path)
	e.value("live", f.Live)
	e.value("wanted", f.Wanted)
	if len(f.Holders) > 0 {
		e.name("holders")
		each(e, f.Holders, func(h ownership.Holder) {
			e.begin('{')
			e.holder(h)
			e.end('}')
		})
	}
	if f.Should != (ownership.Should{}) {
		e.name("should")
		e.begin('{')
		e.optional("manager", f.Should.Manager)
		e.required("by", string(f.Should.By))
		e.count("rule", f.Should.Rule)
		e.end('}')
	}
	e.optional("verdict", string(f.Verdict))
	e.optional("cause", string(f.Cause))
	if f.Stays {
		e.boolean("stays", true)
	}
	if f.Fight != nil {
		e.name("fight")
		e.marshal(f.Fight)
	}
	e.end('}')
}

func (e *jsonEncoder) entry(one ownership.Entry) {
	e.begin('{')
	e.holder(one.Holder)
	e.name("fields")
	e.integer(int64(one.Fields))
	e.count("status", one.Status)
	e.name("alone")
	e.integer(int64(one.Alone))
	e.end('}')
}

// holder appends the members that a holder and an entry have in common.
func (e *jsonEncoder) holder(h ownership.Holder) {
	e.required("manager", h.Manager)
	e.required("operation", h.Operation)
	e.optional("subresource", h.Subresource)
	e.optional("apiVersion", h.APIVersion)
	if !h.Changed.IsZero() {
		e.name("changed")
		e.text = append(e.text, '"')
		e.text = h.Changed.AppendFormat(e.text, time.RFC3339Nano)
		e.text = append(e.text, '"')
	}
	e.required("class", string(h.Class))
}

// each appends a list.
func each[T any](e *jsonEncoder, items []T, one func(T)) {
	e.begin('[')
	for _, item := range items {
		one(item)
	}
	e.end(']')
}

func (e *jsonEncoder) begin(bracket byte) {
	e.comma()
	e.text = append(e.text, bracket)
}

func (e *jsonEncoder) end(bracket byte) { e.text = append(e.text, bracket) }

// comma appends one where something stands before that isn't the beginning of a list or object, or
// the name of a member.
func (e *jsonEncoder) comma() {
	if len(e.text) == 0 {
		return
	}
	switch e.text[len(e.text)-1] {
	case '{', '[', ':':
	default:
		e.text = append(e.text, ',')
	}
}

// name appends the name of a member, which needs no escaping.
func (e *jsonEncoder) name(name string) {
	e.comma()
	e.text = append(e.text, '"')
	e.text = append(e.text, name...)
	e.text = append(e.text, '"', ':')
}

func (e *jsonEncoder) required(name, text string) {
	e.name(name)
	e.string(text)
}

func (e *jsonEncoder) optional(name, text string) {
	if text != "" {
		e.required(name, text)
	}
}

func (e *jsonEncoder) boolean(name string, is bool) {
	e.name(name)
	e.text = strconv.AppendBool(e.text, is)
}

// count appends a number unless it is zero.
func (e *jsonEncoder) count(name string, n int) {
	if n != 0 {
		e.name(name)
		e.integer(int64(n))
	}
}

func (e *jsonEncoder) integer(n int64) {
	e.comma()
	e.text = strconv.AppendInt(e.text, n, 10)
}

// value appends a member that was decoded from JSON, unless it is nil.
func (e *jsonEncoder) value(name string, value any) {
	if value != nil {
		e.name(name)
		e.decoded(value)
	}
}

func (e *jsonEncoder) decoded(value any) {
	switch v := value.(type) {
	case string:
		e.string(v)
	case int64:
		e.integer(v)
	case bool:
		e.comma()
		e.text = strconv.AppendBool(e.text, v)
	case []any:
		if v == nil {
			e.marshal(v)
			return
		}
		each(e, v, e.decoded)
	case map[string]any:
		e.object(v)
	default:
		e.marshal(v)
	}
}

// object appends an object by the names of its members, as encoding/json does.
func (e *jsonEncoder) object(members map[string]any) {
	if members == nil {
		e.marshal(members)
		return
	}
	e.begin('{')
	for _, name := range slices.Sorted(maps.Keys(members)) {
		e.string(name)
		e.text = append(e.text, ':')
		e.decoded(members[name])
	}
	e.end('}')
}

func (e *jsonEncoder) string(text string) {
	if !isPlainJSON(text) {
		e.marshal(text)
		return
	}
	e.comma()
	e.text = append(e.text, '"')
	e.text = append(e.text, text...)
	e.text = append(e.text, '"')
}

// marshal appends what is rare.
func (e *jsonEncoder) marshal(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		e.err = fmt.Errorf("write JSON: %w", err)
		return
	}
	e.comma()
	e.text = append(e.text, escaped(text, utf16Escape)...)
}

// isPlainJSON reports whether encoding/json and [escaped] leave a string as it is.
func isPlainJSON(text string) bool {
	return isPlainASCII(text) && !strings.ContainsAny(text, `"\<>&`)
}
