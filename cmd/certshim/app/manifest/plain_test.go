package manifest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What people write is read at once; what is odd is left to the detour by JSON.
func TestWhatIsPlain(t *testing.T) {
	for text, want := range map[string]bool{
		"a: {b: [1, true, null, x], c: 0.5, d: 1e3, e: 18446744073709551615, f: 2026-01-01, g: !!timestamp 2026-01-01}": true,
		"a: 0x1f\nb: 0o7\nc: 07\nd: yes\ne: 1_000\nf: \"\\xff\"\ng: |\n  x\n  y\nh: &x {}\ni: *x\n":                     true,
		"null": true, "": true, "[]": true, "x": true,
		"a: 1\na: 2": false, "1: a": false, "true: a": false, "a: !!binary /w==": false, "a: .nan": false,
		"a: [": false, "? [a]\n: b": false, "x: &x {a: 1}\ny:\n  <<: *x\n  a: 2": false,
	} {
		if _, is := plain([]byte(text)); is != want {
			t.Errorf("%q: plain is %v", text, is)
		}
	}
}

// FuzzPlain: what is read without the detour is what the detour gives.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{
		"a: {b: [1, -0, true, null, ~, x], c: 0.5, d: 1e300, e: 18446744073709551615, f: 2026-01-01, g: !!timestamp 2026-01-01}",
		"a: 0x1f\nb: 0o7\nc: 07\nd: yes\ne: 1_000\nf: \"\\xff\\uD800\"\ng: |\n  x\n\n  y\nh: &x {}\ni: *x\nj: 1:30\n", "- - - -", "{}", "[]", "x: &x {a: 1}\ny:\n  <<: *x\n", "a: \"<&>\\u2028\\u0085\"",
	} {
		f.Add([]byte(seed))
	}
	examples, err := filepath.Glob("../../../../examples/*.yaml")
	if err != nil || len(examples) == 0 {
		f.Fatalf("%d examples: %v", len(examples), err)
	}
	for _, name := range examples {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, is := plain(text)
		if !is {
			return
		}
		var want any
		if values := (chunk{line: 1, text: text}).converted(); len(values) > 0 {
			if values[0].err != nil || len(values[0].warnings) > 0 {
				t.Fatalf("plain, but by the detour %v, %v", values[0].err, values[0].warnings)
			}
			want = values[0].content
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-detour +plain:\n%s", diff)
		}
	})
}
