package annotations_test

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/problem"
)

// A comma in a name that isn't quoted makes two of it. The warning says so, and its line, pasted,
// means one.
func TestACommaInACompanysName(t *testing.T) {
	const organizations = "subject-organizations"
	for _, tt := range []struct {
		key, value string
		// want are the items, quoted those of the line that the warning suggests, nil for none.
		want, quoted []string
	}{
		{organizations, "Example, Inc.", []string{"Example", " Inc."}, []string{"Example, Inc."}},
		{organizations, "Example,Inc.", []string{"Example", "Inc."}, []string{"Example,Inc."}},
		{organizations, "Example,GmbH,Other", []string{"Example", "GmbH", "Other"}, []string{"Example,GmbH", "Other"}},
		{organizations, "Bob's Shop, Ltd,Ünlü, B.V.", []string{"Bob's Shop", " Ltd", "Ünlü", " B.V."}, []string{"Bob's Shop, Ltd", "Ünlü, B.V."}},
		{organizations, "Example, \"Labs, Inc.\"", []string{"Example", "Labs, Inc."}, nil},
		{organizations, "Example,\" Inc.\"", []string{"Example", " Inc."}, nil},
		{organizations, "Example,Labs", []string{"Example", "Labs"}, nil},
		{organizations, "Inc,Example", []string{"Inc", "Example"}, nil},
		{"subject-streetaddresses", "Main Street 1, Back", []string{"Main Street 1", " Back"}, []string{"Main Street 1, Back"}},
		{"subject-streetaddresses", "Main Street 1,Co", []string{"Main Street 1", "Co"}, nil},
	} {
		request, problems := parse(map[string]string{p + tt.key: tt.value})
		items := slices.Concat(request.Subject.Organizations, request.Subject.StreetAddresses)
		if !slices.Equal(items, tt.want) {
			t.Errorf("%s: read as %q, want %q", tt.value, items, tt.want)
		}
		i := slices.IndexFunc(problems, func(p problem.Problem) bool { return p.Lines != "" })
		if (i >= 0) != (tt.quoted != nil) {
			t.Errorf("%s: problems %v", tt.value, problems)
		}
		if i < 0 {
			continue
		}
		if got := problems[i]; got.Severity != problem.Warning || !strings.Contains(got.Message, "a comma without quotes separates them") || len(problems) != 1 {
			t.Errorf("%s: problems %v", tt.value, problems)
		}
		var pasted map[string]string
		if err := yaml.Unmarshal([]byte(problems[i].Lines), &pasted); err != nil {
			t.Fatalf("%s: %v", tt.value, err)
		}
		request, problems = parse(pasted)
		items = slices.Concat(request.Subject.Organizations, request.Subject.StreetAddresses)
		if !slices.Equal(items, tt.quoted) || len(problems) > 0 {
			t.Errorf("%s: the line %v is read as %q, want %q; problems %v", tt.value, pasted, items, tt.quoted, problems)
		}
	}
}

// No country and no postal code has a comma, and who quotes an item knows how.
func TestACommaThatSeparates(t *testing.T) {
	for key, value := range map[string]string{
		"subject-countries": "US, DE", "subject-postalcodes": "12345, 54321", "subject-localities": `"Washington, D.C.", Paris`,
	} {
		_, problems := parse(map[string]string{p + key: value})
		if len(problems) != 1 || problems[0].Lines != "" || !strings.Contains(problems[0].Message, "white space") {
			t.Errorf("%s %s: %v", key, value, problems)
		}
	}
}

func TestALongRecordIsNotRepeated(t *testing.T) {
	_, problems := parse(map[string]string{p + "subject-organizations": strings.Repeat("a", 200) + ", Inc."})
	if len(problems) != 1 || problems[0].Lines != "" || !strings.Contains(problems[0].Message, "2 organizations") {
		t.Errorf("problems %v", problems)
	}
}

// What can't be seen, or changes what is seen, is reported wherever it goes into a certificate, and
// refused where the grammar of the name has no such characters.
func TestCharactersThatCannotBeSeen(t *testing.T) {
	values := map[string]string{
		"line break": "a\nb", "escape": "a\x1bb", "right to left": "a\u202eb", "no width": "a\u200bb", "line separator": "a\u2028b",
	}
	free := map[string]bool{"common-name": true, "subject-organizations": true, "subject-localities": true, "subject-serialnumber": true}
	for name, value := range values {
		for _, key := range []string{"common-name", "subject-organizations", "subject-localities", "subject-serialnumber", "alt-names", "ip-sans", "email-sans", "uri-sans"} {
			written := value
			switch {
			case strings.HasPrefix(key, "subject-") && key != "subject-serialnumber":
				written = `"` + value + `"`
			case key == "email-sans":
				written = value + "@example.com"
			case key == "uri-sans":
				written = "https://" + value
			}
			request, problems := parse(map[string]string{p + key: written})
			want := problem.Error
			if free[key] {
				want = problem.Warning
			}
			if len(problems) != 1 || problems[0].Severity != want || (len(request.Unread) == 0) != free[key] {
				t.Errorf("%s in %s: problems %v, unread %v", name, key, problems, request.Unread)
			}
		}
	}
}

func TestNamesInTwoSpellingsAreReadOnce(t *testing.T) {
	request, problems := parse(map[string]string{
		p + "alt-names":  "Api.example.com,api.example.com,2001:DB8::1",
		p + "ip-sans":    "2001:0db8:0:0:0:0:0:1,::ffff:192.0.2.128,192.0.2.128",
		p + "email-sans": "ops@Example.com,ops@example.com,Ops@example.com",
		p + "uri-sans":   "spiffe://Example.com/a,SPIFFE://example.com/a,spiffe://example.com/A",
	})
	for name, got := range map[string][2][]string{
		"DNS names":        {request.DNSNames, {"Api.example.com"}},
		"IP addresses":     {request.IPAddresses, {"2001:DB8::1", "::ffff:192.0.2.128"}},
		"e-mail addresses": {request.EmailAddresses, {"ops@Example.com", "Ops@example.com"}},
		"URIs":             {request.URIs, {"spiffe://Example.com/a", "spiffe://example.com/A"}},
	} {
		if !slices.Equal(got[0], got[1]) {
			t.Errorf("%s: %q, want %q", name, got[0], got[1])
		}
	}
	if len(problems) > 0 {
		t.Errorf("problems %v", problems)
	}
}
