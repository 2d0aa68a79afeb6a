package declaration

import (
	"slices"
	"testing"
)

// How many items a list has counts, also where nothing of them is read: without the list the expression would fail, or give others.
func TestAListThatIsGoneThroughIsRead(t *testing.T) {
	expressions := NewMappings(Bounds{Length: 1000, Cost: 100_000}, []string{"object"})
	for source, want := range map[string]struct{ reads, fields []string }{
		"object.spec.tls.map(t, 1)":                        {[]string{"spec.tls"}, []string{"spec.tls"}},
		"object.spec.tls.map(t, t.name)":                   {[]string{"spec.tls"}, []string{"spec.tls[].name"}},
		"object.spec.tls.filter(t, true).map(t, 1)":        {[]string{"spec.tls"}, []string{"spec.tls"}},
		"object.spec.tls.filter(t, t.on).map(t, t.name)":   {[]string{"spec.tls"}, []string{"spec.tls[].name", "spec.tls[].on"}},
		"[object.a[0]].map(x, 1)":                          {[]string{"a"}, []string{"a"}},
		"(object.a + object.b).map(x, 1)":                  {[]string{"a", "b"}, []string{"a", "b"}},
		"cel.bind(s, object.spec, s.tls.map(t, s.domain))": {[]string{"spec.domain", "spec.tls"}, []string{"spec.domain", "spec.tls"}},
	} {
		expression, err := expressions.Compile(source, List)
		if err != nil {
			t.Fatal(err)
		}
		if got := expression.Reads("object"); !slices.Equal(got, want.reads) {
			t.Errorf("%s reads %v, want %v", source, got, want.reads)
		}
		if got := expression.Fields("object"); !slices.Equal(got, want.fields) {
			t.Errorf("%s names %v, want %v", source, got, want.fields)
		}
	}
}
