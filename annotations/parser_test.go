package annotations_test

import (
	"maps"
	"net"
	"net/mail"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
)

const p = annotations.Prefix

func parse(in map[string]string) (annotations.Request, []problem.Problem) {
	request, problems := annotations.NewParser(annotations.Options{}).Parse(in)
	return request, problems.All()
}

func TestEveryExampleIsReadWithoutAProblem(t *testing.T) {
	for _, row := range annotations.Table() {
		if row.Instead != "" {
			continue
		}
		request, problems := parse(map[string]string{row.Key: row.Example})
		if len(problems) > 0 || reflect.DeepEqual(request, annotations.Request{}) {
			t.Errorf("%s: %q gives %+v and %v", row.Key, row.Example, request, problems)
		}
		if empty, told := parse(map[string]string{row.Key: " \u00a0"}); !reflect.DeepEqual(empty, annotations.Request{}) ||
			row.Key != annotations.DefaultAutoKey && (len(told) != 1 || told[0].Severity != problem.Warning) {
			t.Errorf("%s: an empty value gives %+v and %v", row.Key, empty, told)
		}
	}
}

// An invalid value is reported as an error with a suggestion, and its field is unread.
func TestBadValues(t *testing.T) {
	tests := []struct{ key, value, suggestion string }{
		{"common-name", strings.Repeat("ä", 33), ""},
		{"alt-names", "a.b,https://x.y/z", "x.y"},
		{"alt-names", "a b", ""},
		{"alt-names", strings.Repeat("a", 64) + ".b", ""},
		{"alt-names", "ä.b", ""},
		{"alt-names", "*", ""},
		{"alt-names", "a.*.b", ""},
		{"alt-names", "a.b.", "a.b"},
		{"alt-names", "-a.b", ""},
		{"alt-names", strings.Repeat("a,", 1001), ""},
		{"ip-sans", "010.0.0.1", ""},
		{"ip-sans", "fe80::1%eth0", ""},
		{"ip-sans", "[2001:db8::1]", "2001:db8::1"},
		{"ip-sans", "[2001:db8::1]:443", "2001:db8::1"},
		{"ip-sans", "192.0.2.1:443", "192.0.2.1"},
		{"ip-sans", "192.0.2.1/24", "192.0.2.1"},
		{"ip-sans", "a.example.com:443", ""},
		{"email-sans", "Bob <a@b.c>", "a@b.c"},
		{"email-sans", "ä@b.c", ""},
		{"uri-sans", "/a/b", ""},
		{"uri-sans", "http:", ""},
		{"subject-organizations", "a\nb", ""},
		{"subject-organizationalunits", `"a`, ""},
		{"duration", "90d", "2160h"},
		{"duration", "2160", "2160h"},
		{"duration", "1y", "8760h"},
		{"duration", "2w", "336h"},
		{"duration", "3H", "3h"},
		{"duration", "59m", "1h"},
		{"renew-before", "1m", "5m"},
		{"renew-before", "2160h", ""},
		{"renew-before-percentage", "50%", "50"},
		{"renew-before-percentage", "0", ""},
		{"renew-before-percentage", "100", ""},
		{"usages", "Server Auth", "server auth"},
		{"usages", "serverAuth", "server auth"},
		{"revision-history-limit", "0", ""},
		{"private-key-algorithm", "rsa", "RSA"},
		{"private-key-encoding", "pkcs8", "PKCS8"},
		{"private-key-size", "1024", "2048"},
		{"private-key-size", "big", ""},
		{"private-key-rotation-policy", "always", "Always"},
		{"secret-template", `{"Labels":{}}`, ""},
		{"secret-template", `{"labels":{}} {}`, ""},
		{"secret-template", `{"labels":{"a":null}}`, ""},
		{"secret-template", `{"labels":{"a":"b","a":"b"}}`, ""},
		{"secret-template", `{"labels":{"a":"b c"}}`, ""},
		{"secret-template", `{"annotations":{"cert-manager.io/x":""}}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.key+" "+problem.Quote(tt.value), func(t *testing.T) {
			request, problems := parse(map[string]string{p + tt.key: tt.value})
			if len(problems) == 0 || problems[0].Severity != problem.Error || len(request.Unread) != 1 {
				t.Fatalf("got %v, unread %v", problems, request.Unread)
			}
			got := problems[0]
			if got.Suggestion != tt.suggestion || got.Key != p+tt.key || got.Path != "metadata.annotations["+p+tt.key+"]" || got.Allowed == "" {
				t.Errorf("got %+v, want the suggestion %q", got, tt.suggestion)
			}
		})
	}
}

func TestListsAreTrimmedAndKeptOnce(t *testing.T) {
	request, problems := parse(map[string]string{
		p + "alt-names":             " B.c ,,B.c, 10.0.0.1,x_y.z , no no",
		p + "ip-sans":               "10.0.0.1, ::1",
		p + "subject-organizations": `a, b, "c, d",a,`,
		p + "usages":                "any,\tserver auth",
	})
	want := annotations.Request{
		DNSNames: []string{"B.c", "x_y.z"}, IPAddresses: []string{"10.0.0.1", "::1"},
		Subject: annotations.Subject{Organizations: []string{"a", " b", "c, d"}},
		Usages:  []string{"any", "server auth"}, Unread: []annotations.Field{annotations.FieldDNSNames},
	}
	if diff := cmp.Diff(want, request); diff != "" {
		t.Error(diff)
	}
	if len(problems) != 5 { // bad name; empty items twice, underscore, padded item
		t.Errorf("got %v", problems)
	}
}

func TestKeysAreHeldAgainstEachOther(t *testing.T) {
	tests := map[string]struct {
		in     map[string]string
		errors int
		unread []annotations.Field
	}{
		"both renewals": {map[string]string{p + "renew-before": "10m", p + "renew-before-percentage": "10"}, 1,
			[]annotations.Field{annotations.FieldRenewBeforePercentage, annotations.FieldRenewBefore}},
		"renew-before after a bad duration":  {map[string]string{p + "duration": "x", p + "renew-before": "9999h"}, 1, []annotations.Field{annotations.FieldDuration, annotations.FieldRenewBefore}},
		"too small a part":                   {map[string]string{p + "duration": "1h", p + "renew-before-percentage": "1"}, 1, []annotations.Field{annotations.FieldRenewBeforePercentage}},
		"too large a part, as webhook reads": {map[string]string{p + "duration": "1h", p + "renew-before-percentage": "99"}, 1, []annotations.Field{annotations.FieldRenewBeforePercentage}},
		"Ed25519 of no size":                 {map[string]string{p + "private-key-algorithm": "Ed25519", p + "private-key-size": "0"}, 0, nil},
		"Ed25519 of a nonsensical size":      {map[string]string{p + "private-key-algorithm": "Ed25519", p + "private-key-size": "-7"}, 1, nil},
		"listeners to ignore, unreadable":    {map[string]string{p + "ignore-tls-listeners": "\xfb"}, 1, []annotations.Field{annotations.FieldNone}},
		"RSA of a negative size":             {map[string]string{p + "private-key-size": "-7"}, 1, []annotations.Field{annotations.FieldPrivateKey}},
		"ECDSA of an RSA size":               {map[string]string{p + "private-key-algorithm": "ECDSA", p + "private-key-size": "2048"}, 1, []annotations.Field{annotations.FieldPrivateKey}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			request, problems := parse(tt.in)
			if len(problems) != tt.errors || !slices.Equal(request.Unread, tt.unread) {
				t.Errorf("got %v, unread %v", problems, request.Unread)
			}
		})
	}
}

func TestWarningsLeaveTheRest(t *testing.T) {
	const a = annotations.ACMEPrefix
	request, problems := parse(map[string]string{
		a + "http01-edit-in-place":  "True",
		p + "private-key-algorithm": "Ed25519", p + "private-key-size": "2048",
		p + "issue-temporary-certificate": "true", p + "issuer-knd": "K", "certmanager.k8s.io/issuer": "ca",
	})
	if request.ACME.EditInPlace || request.PrivateKey.Size != 0 || len(request.Unread) > 0 || len(problems) != 5 {
		t.Errorf("got %+v, %v", request, problems)
	}
}

// What is odd is written, or does nothing, as it is taken by cert-manager's shims; a warning says so.
func TestOddValuesAreTakenAndToldOf(t *testing.T) {
	const a = annotations.ACMEPrefix
	for _, tt := range []struct{ key, value, told, suggestion string }{
		{p + "private-key-size", "3000", "an unusual size", "3072"},
		{p + "private-key-size", "4000", "an unusual size", "4096"},
		{p + "private-key-size", "3072", "", ""},
		{p + "subject-localities", `"a b", c `, "white space around an item is part of it", ""},
		{p + "subject-localities", "a b,c", "", ""},
		{p + "alt-names", "a_b.example.com", "an underscore", ""},
		{p + "alt-names", "010.0.0.1", "taken as a DNS name", ""},
		{p + "alt-names", "a.example.com,,b.example.com", "empty items are dropped: 1", ""},
		{a + "http01-edit-in-place", "True", "counts as false", "true"},
		{a + "http01-edit-in-place", "true", "", ""},
		{a + "http01-parentreffallback", "yes", "counts as false", "true"},
		{a + "http01-parentreffallback", "true", "", ""},
		{p + "common-name", "a\u202eb", "a character that can't be seen", ""},
		{p + "duration", "", "empty value", ""},
	} {
		t.Run(tt.key+" "+problem.Quote(tt.value), func(t *testing.T) {
			request, problems := parse(map[string]string{tt.key: tt.value})
			if len(request.Unread) > 0 || (len(problems) > 0) != (tt.told != "") {
				t.Fatalf("unread %v, told %v", request.Unread, problems)
			}
			if len(problems) == 0 {
				return
			}
			if got := problems[0]; got.Severity != problem.Warning || !strings.Contains(got.Message, tt.told) || got.Suggestion != tt.suggestion || got.Key != tt.key {
				t.Errorf("told %+v", got)
			}
		})
	}
}

// An unusual size of a key is the author's choice.
func TestUnusualKeySizesAreTaken(t *testing.T) {
	for value, want := range map[string]int{"3000": 3000, "2049": 2049} {
		if request, _ := parse(map[string]string{p + "private-key-size": value}); request.PrivateKey.Size != want {
			t.Errorf("%s is taken as %d", value, request.PrivateKey.Size)
		}
	}
}

func TestNearTriggers(t *testing.T) {
	parser := annotations.NewParser(annotations.Options{})
	tests := map[string]string{
		p + "clusterissuer": p + "cluster-issuer", p + "isuser": p + "issuer", p + "issuer-name": p + "issuer", "certmanager.k8s.io/cluster-issuer": p + "cluster-issuer",
		"kubernetes.io/tls_acme": annotations.DefaultAutoKey, p + "issuer_kind": "", p + "cluster-issuer-kind": "", p + "certificate-name": "", "example.com/issuer": "",
	}
	for key, want := range tests {
		got := parser.NearTriggers(map[string]string{key: "x"}, true).All()
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0].Suggestion != want) {
			t.Errorf("%s: got %v", key, got)
		}
		if want != "" && !parser.Keeps(key) {
			t.Errorf("%s isn't kept in the cache", key)
		}
	}
	if got := parser.NearTriggers(map[string]string{annotations.DefaultAutoKey: "yes"}, true).All(); len(got) != 1 || got[0].Suggestion != "true" {
		t.Errorf("got %v", got)
	}
	if got := parser.NearTriggers(map[string]string{annotations.DefaultAutoKey: "yes"}, false); !got.Empty() {
		t.Errorf("auto keys don't count there: %v", got.All())
	}
}

// A kind or group doesn't name an issuer; if a misspelt key does, that key is reported.
func TestAnIssuerWithoutAName(t *testing.T) {
	parser := annotations.NewParser(annotations.Options{})
	for name, row := range map[string]struct {
		in   map[string]string
		want string
	}{
		"kind and group": {map[string]string{p + "issuer-kind": "K", p + "issuer-group": "k.example.com"}, p + "issuer-kind"},
		"a group alone":  {map[string]string{p + "issuer-group": "k.example.com"}, p + "issuer-group"},
		"an empty kind":  {map[string]string{p + "issuer-kind": " "}, ""},
		"a misspelt key": {map[string]string{p + "isuer": "i", p + "issuer-kind": "K"}, p + "isuer"},
		"an empty name":  {map[string]string{p + "issuer": "", p + "issuer-kind": "K"}, p + "issuer"},
	} {
		got := parser.NearTriggers(row.in, true).All()
		if row.want == "" && len(got) > 0 || row.want != "" && (len(got) != 1 || got[0].Key != row.want) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// Keys that people expect, by analogy with cluster-issuer.
func TestKeysOfAClusterIssuer(t *testing.T) {
	_, problems := annotations.NewParser(annotations.Options{}).Parse(map[string]string{
		p + "cluster-issuer": "i", p + "cluster-issuer-kind": "K", p + "cluster-issuer-group": "k.example.com",
	})
	got := problems.All()
	if len(got) != 2 || got[0].Suggestion != p+"issuer-group" || got[1].Suggestion != p+"issuer-kind" {
		t.Errorf("got %v", got)
	}
}

func TestInheritIsOneUnit(t *testing.T) {
	gateway := map[string]string{p + "issuer": "g", p + "issuer-group": "g.io", p + "duration": "2h"}
	tests := map[string]struct{ own, want map[string]string }{
		"all four": {map[string]string{p + "issuer-kind": "K", "a": "b"}, map[string]string{p + "issuer": "g", p + "issuer-group": "g.io", "a": "b"}},
		"none":     {map[string]string{p + "cluster-issuer": "c"}, map[string]string{p + "cluster-issuer": "c"}},
	}
	for name, tt := range tests {
		before := maps.Clone(tt.own)
		if diff := cmp.Diff(tt.want, annotations.Inherit(tt.own, gateway)); diff != "" || !maps.Equal(before, tt.own) {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLabels(t *testing.T) {
	labels, err := annotations.NewLabels([]string{"team.example.com/"}, []string{"helm.sh/chart"})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"app": true, "team.example.com/x": false, "helm.sh/chart": true, "helm.sh/hook-weight": false, "argocd.argoproj.io/instance": false, "app.kubernetes.io/instance": true} {
		if labels.Copies(key) != want {
			t.Errorf("%s: copied %v", key, !want)
		}
	}
	for _, marker := range annotations.Markers() {
		if (*annotations.Labels)(nil).Copies(strings.TrimSuffix(marker.Pattern, "*")) {
			t.Errorf("%s is copied", marker.Pattern)
		}
	}
	if _, err := annotations.NewLabels([]string{"a b", "*"}, nil); err == nil {
		t.Error("no error for keys that no label can have")
	}
}

// law: a field is either refused with an error, or accepted by cert-manager's webhook.
func law(t *testing.T, in map[string]string) {
	t.Helper()
	parser := annotations.NewParser(annotations.Options{})
	request, problems := parser.Parse(in)
	again, told := parser.Parse(in)
	if !reflect.DeepEqual(request, again) || !slices.Equal(problems.All(), told.All()) {
		t.Errorf("%q: two readings differ", in)
	}
	sections := request.Sections
	unread := sections.Unread || slices.ContainsFunc(sections.All, func(s annotations.Section) bool { return s.Unread })
	if (unread || len(request.Unread) > 0) != problems.HasErrors() {
		t.Errorf("%q: unread %v, %v", in, request.Unread, problems.All())
	}
	if why := webhookRefuses(request); why != "" {
		t.Errorf("%q: the webhook would refuse %s", in, why)
	}
	trimmed := map[string]string{}
	for key, value := range in {
		trimmed[key] = strings.TrimSpace(value)
	}
	if bare, _ := parser.Parse(trimmed); !reflect.DeepEqual(bare, request) {
		t.Errorf("%q: trimmed %+v, untrimmed %+v", in, bare, request)
	}
}

// webhookRefuses restates the validation of the Certificate API.
func webhookRefuses(q annotations.Request) string {
	duration := 2160 * time.Hour
	if q.Duration != nil {
		duration = *q.Duration
	}
	switch percent := q.RenewBeforePercentage; {
	case len(q.CommonName) > 64:
		return "commonName"
	case duration < time.Hour:
		return "duration"
	case q.RenewBefore != nil && (*q.RenewBefore < 5*time.Minute || *q.RenewBefore >= duration || percent != nil):
		return "renewBefore"
	case percent != nil && time.Duration(float64(duration)*float64(100-*percent)/100) < 5*time.Minute:
		return "renewBeforePercentage"
	case q.RevisionHistoryLimit != nil && *q.RevisionHistoryLimit < 1:
		return "revisionHistoryLimit"
	case q.PrivateKey.Algorithm == "ECDSA" && !slices.Contains([]int{0, 256, 384, 521}, q.PrivateKey.Size):
		return "privateKey.size"
	case q.PrivateKey.Algorithm != "ECDSA" && q.PrivateKey.Size != 0 && (q.PrivateKey.Size < 2048 || q.PrivateKey.Size > 8192):
		return "privateKey.size"
	}
	for _, ip := range q.IPAddresses {
		if net.ParseIP(ip) == nil {
			return "ipAddresses"
		}
	}
	for _, email := range q.EmailAddresses {
		if address, err := mail.ParseAddress(email); err != nil || address.Address != email {
			return "emailAddresses"
		}
	}
	for key := range q.SecretTemplate.Annotations {
		if strings.HasPrefix(key, "cert-manager.io/") && key != "cert-manager.io/allow-direct-injection" {
			return "secretTemplate.annotations"
		}
	}
	if errs := append(apivalidation.ValidateAnnotations(q.SecretTemplate.Annotations, nil), metavalidation.ValidateLabels(q.SecretTemplate.Labels, nil)...); len(errs) > 0 {
		return errs.ToAggregate().Error()
	}
	return ""
}

func FuzzParse(f *testing.F) {
	rows := annotations.Table()
	for i, row := range rows {
		f.Add(uint8(i), row.Example, uint8(i+1), " x ")
		f.Add(uint8(i), " "+row.Example+",", uint8(i), "")
	}
	f.Fuzz(func(t *testing.T, a uint8, first string, b uint8, second string) {
		law(t, map[string]string{rows[int(a)%len(rows)].Key: first, rows[int(b)%len(rows)].Key: second})
	})
}

func BenchmarkParse(b *testing.B) {
	parser := annotations.NewParser(annotations.Options{})
	in := map[string]string{p + "cluster-issuer": "letsencrypt"}
	b.ReportAllocs()
	for b.Loop() {
		parser.Parse(in)
	}
}

func TestKeysForIssuersAreKept(t *testing.T) {
	parser := annotations.NewParser(annotations.Options{IssuerKeys: []string{"pki.corp.example/", "other.example/profile"}})
	for key, want := range map[string]bool{
		"pki.corp.example/profile": true, "other.example/profile": true,
		"other.example/other": false, "pki.corp.example.org/profile": false,
	} {
		if parser.Keeps(key) != want {
			t.Errorf("%s is kept: %t", key, !want)
		}
	}
}
