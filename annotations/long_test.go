package annotations_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
)

// A value of more than 64 KiB is a bad one, and so it is after it was cut.
func TestAValueThatIsTooLong(t *testing.T) {
	parser := annotations.NewParser(annotations.Options{ExtraKeys: []string{"example.com/extra"}, IssuerKeys: []string{"aws.example.com/"}})
	long := strings.Repeat("ä", 32<<10) + "a"
	for key, field := range map[string]annotations.Field{
		annotations.Prefix + "alt-names": annotations.FieldDNSNames, "example.com/extra": annotations.FieldAnnotations, "aws.example.com/arn": annotations.FieldAnnotations,
	} {
		whole := map[string]string{key: long}
		cut := map[string]string{key: parser.Shorten(key, long)}
		if len(cut[key]) > 200 || parser.Shorten(key, cut[key]) != cut[key] {
			t.Errorf("%s: %d bytes are kept", key, len(cut[key]))
		}
		request, problems := parser.Parse(whole)
		again, same := parser.Parse(cut)
		if !reflect.DeepEqual(request, again) || !slices.Equal(problems.All(), same.All()) {
			t.Errorf("%s: cut, it is read as %+v, %v; whole, as %+v, %v", key, again, same.All(), request, problems.All())
		}
		all := problems.All()
		if len(all) != 1 || all[0].Severity != problem.Error || all[0].Message != "longer than 65536 bytes" || !strings.HasSuffix(all[0].Shown(), "…") {
			t.Errorf("%s: %v", key, all)
		}
		if !slices.Contains(request.Unread, field) || len(request.Extra) > 0 {
			t.Errorf("%s: unread are %v, copied %d", key, request.Unread, len(request.Extra))
		}
	}
	if _, problems := parser.Parse(map[string]string{"example.com/extra": long[1:]}); !problems.Empty() {
		t.Errorf("64 KiB are too long: %v", problems.All())
	}
}

// Of a key that does nothing only what is shown is kept; what is read stays whole.
func TestShorten(t *testing.T) {
	parser := annotations.NewParser(annotations.Options{ExtraKeys: []string{"example.com/extra"}})
	value := strings.Repeat("a", 10_000)
	for key, whole := range map[string]bool{
		annotations.Prefix + "alt-names": true, "example.com/extra": true, annotations.Prefix + "alt-nams": false, annotations.Prefix + "other": false,
	} {
		got := parser.Shorten(key, value)
		if (got == value) != whole || !strings.HasPrefix(value, got) || len(got) <= problem.MaxValue {
			t.Errorf("%s: %d bytes are kept", key, len(got))
		}
	}
}
