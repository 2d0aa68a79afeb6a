package app

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// hostile is text that a stranger may have written to move a terminal's cursor, change its
// colours, turn the writing direction, or hide.
const hostile = "a\x1b[31m\r\n\t\x00\x7f\u0085\u009b2J\u200e\u202e\u2028\ufeff\U000e0041é😀"

func TestPrintableEscapes(t *testing.T) {
	want := `a\x1b[31m\r\n\t\x00\x7f\u0085\u009b2J\u200e\u202e\u2028\ufeff\U000e0041é😀`
	if got := printable(hostile); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := printable("\xff\xc3(\ufffd"); got != `\xff\xc3(`+"\ufffd" {
		t.Errorf("invalid UTF-8 gives %q", got)
	}
}

func TestPrintLineIsOneLine(t *testing.T) {
	var out bytes.Buffer
	printLine(&out, "first:\n\t* second\n\x1b[2J")
	if got := out.String(); got != "first: * second \\x1b[2J\n" {
		t.Errorf("got %q", got)
	}
}

// Lines to paste stay apart when they become one line.
func TestPrintLineSeparatesTheLinesOfABlock(t *testing.T) {
	var out bytes.Buffer
	printLine(&out, "no; write\n  a: b\n  c: d\nor\n  e: f")
	if got := out.String(); got != "no; write a: b, c: d or e: f\n" {
		t.Errorf("got %q", got)
	}
}

// What is written as JSON or YAML is safe on a terminal, and reads back as what it was.
func TestDataIsSafeAndWhole(t *testing.T) {
	want := map[string]string{"hostile": hostile, "key " + hostile: "plain"}
	tests := map[string]struct {
		write func(*bytes.Buffer) error
		read  func([]byte, any) error
	}{
		"JSON": {func(b *bytes.Buffer) error { return writeJSON(b, want) }, json.Unmarshal},
		"YAML": {func(b *bytes.Buffer) error { return writeYAML(b, want) }, func(text []byte, v any) error { return yaml.Unmarshal(text, v) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := tt.write(&out); err != nil {
				t.Fatal(err)
			}
			if i := bytes.IndexFunc(out.Bytes(), unsafeOnTerminal); i >= 0 {
				t.Errorf("unsafe at byte %d of %q", i, out.String())
			}
			got := map[string]string{}
			if err := tt.read(out.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if got["hostile"] != hostile || got["key "+hostile] != "plain" {
				t.Errorf("reads back as %q", got)
			}
		})
	}
}

func TestYAMLWithoutOddCharactersIsPlain(t *testing.T) {
	var out strings.Builder
	if err := writeYAML(&out, map[string]string{"a": "é\nb\n"}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "a: |\n  é\n  b\n" {
		t.Errorf("got %q", got)
	}
}

func TestSummaryCounts(t *testing.T) {
	many := map[string]int{}
	for i := range 10 {
		many[strings.Repeat("k", i+1)] = i + 1
	}
	got := counts(many)
	if want := ": 10 kkkkkkkkkk, 9 kkkkkkkkk, 8 kkkkkkkk, 7 kkkkkkk, 6 kkkkkk, 5 kkkkk, 4 kkkk, 3 kkk, 2 more kinds"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := count(1, "source") + ", " + count(2, "source") + counts(nil); got != "1 source, 2 sources" {
		t.Errorf("got %q", got)
	}
}

// FuzzYAMLText: of a value that is plain, the text is the one that the library gives by way of
// JSON.
func FuzzYAMLText(f *testing.F) {
	for _, seed := range []string{
		`{"kind":"Certificate","spec":{"dnsNames":["a.example.com","*.b"],"duration":"2160h0m0s","revisionHistoryLimit":1,"isCA":true,"commonName":"yes"}}`,
		`{"a":["","~","null","1","1:30","0x1","1e3","2026-01-01","- a","a: b","a #b","&a","*a","!a","|","'","\"","\\","{","[","%a","@a","<&>"," a","a ","a\nb","a\n\n","\na","---","...","é"]}`,
		`{"b":{},"a":[],"10":1,"9":[[1],{"x":[{}]}],"":"","<<":"x","é":-9223372036854775808}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var value any
		if json.Unmarshal(text, &value) != nil {
			return
		}
		value = whole(value)
		if !isPlain(value) {
			return
		}
		got, err := yamlText(value)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := yaml.Marshal(value); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got\n%s\nwant\n%s%v", got, want, err)
		}
	})
}

// whole has integers as unstructured objects have them.
func whole(value any) any {
	switch v := value.(type) {
	case float64:
		return int64(v)
	case []any:
		for i, item := range v {
			v[i] = whole(item)
		}
	case map[string]any:
		for key, item := range v {
			v[key] = whole(item)
		}
	}
	return value
}
