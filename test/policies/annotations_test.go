package policies_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/admission"
	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/test/policies"
)

const p = annotations.Prefix

var (
	ingress = schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}
	gateway = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "Gateway"}
)

// ofAnnotations runs the policy of the annotation table.
func ofAnnotations(t testing.TB) *engine {
	t.Helper()
	policy, _ := admission.New(admission.Options{AutoKeys: []string{annotations.DefaultAutoKey}, AutoKinds: []string{"Ingress"}})
	return newEngine(t, policy)
}

func written(in map[string]string) write { return write{now: object(ingress, in)} }

// What the policy refuses, the parser refuses too. It is the other way round as well, but for values that CEL can't tell from right ones.
func TestThePolicyRefusesWhatTheParserRefuses(t *testing.T) {
	e := ofAnnotations(t)
	for _, c := range policies.Cases() {
		if refused := e.refuses(t, written(c.Annotations)); !slices.Equal(refused, c.Refused()) {
			t.Errorf("%.200q: the policy refuses %q, want %q", c.Annotations, refused, c.Refused())
		}
		if c.Unseen && len(c.Unreadable) == 0 {
			t.Errorf("%.200q: the parser reads it", c.Annotations)
		}
	}
}

// Each rule has values that it refuses for what they say, not for their length, and values that it lets through.
func TestEachRuleHasCases(t *testing.T) {
	refused, read := map[string]int{}, map[string]int{}
	for _, c := range policies.Cases() {
		for key, value := range c.Annotations {
			switch {
			case slices.Contains(c.Refused(), key) && len(value) < 100:
				refused[key]++
			case !slices.Contains(c.Unreadable, key) && value != "":
				read[key]++
			}
		}
	}
	for _, row := range policies.Rows() {
		if refused[row.Key] < 2 || read[row.Key] < 3 {
			t.Errorf("%s: %d values are refused, and %d are read", row.Key, refused[row.Key], read[row.Key])
		}
	}
}

var inTable = regexp.MustCompile("(?m)^\\| (`.*) \\|.*\\|$")

// The page names each key of which the policy doesn't see all mistakes, and no other.
func TestThePageNamesWhatThePolicyDoesntSee(t *testing.T) {
	page, err := os.ReadFile("../../docs/admission.md")
	if err != nil {
		t.Fatal(err)
	}
	var named string
	for _, row := range inTable.FindAllStringSubmatch(string(page), -1) {
		named += row[1]
	}
	unseen := map[string]bool{}
	for _, c := range policies.Cases() {
		if c.Unseen {
			for _, key := range c.Unreadable {
				unseen[key] = true
			}
		}
	}
	for _, row := range policies.Rows() {
		if on := strings.Contains(named, "`"+strings.TrimPrefix(row.Key, p)+"`"); on != unseen[row.Key] {
			t.Errorf("%s: mistakes that the policy doesn't see: %v; on the page: %v", row.Key, unseen[row.Key], on)
		}
	}
}

// An update that leaves a value as it was is let through, and one that makes it wrong, or changes what it goes
// by, isn't.
func TestAnOldMistakeIsLetThrough(t *testing.T) {
	e := ofAnnotations(t)
	update := func(before, now map[string]string) write {
		return write{before: object(ingress, before), now: object(ingress, now)}
	}
	bad := map[string]string{p + "duration": "90d"}
	if refused := e.refuses(t, update(bad, bad)); len(refused) > 0 {
		t.Errorf("an update elsewhere is refused: %q", refused)
	}
	for _, before := range []map[string]string{nil, {p + "issuer": "ca"}, {p + "duration": "80d"}} {
		if refused := e.refuses(t, update(before, bad)); len(refused) != 1 {
			t.Errorf("after %v: %q", before, refused)
		}
	}
	size := func(algorithm string) map[string]string {
		return map[string]string{p + "private-key-algorithm": algorithm, p + "private-key-size": "4096"}
	}
	if refused := e.refuses(t, update(size("RSA"), size("ECDSA"))); len(refused) != 1 {
		t.Errorf("a changed algorithm: %q", refused)
	}
}

// The policy looks only at objects that ask for a certificate.
func TestWhatThePolicyLooksAt(t *testing.T) {
	e := ofAnnotations(t)
	for name, row := range map[string]struct {
		kind schema.GroupVersionKind
		in   map[string]string
		want bool
	}{
		"an issuer":                          {ingress, map[string]string{p + "issuer": "ca"}, true},
		"a cluster issuer":                   {ingress, map[string]string{p + "cluster-issuer": "ca"}, true},
		"sections":                           {ingress, map[string]string{"certshim.io/sections": "{}"}, true},
		"the auto key":                       {ingress, map[string]string{annotations.DefaultAutoKey: " true"}, true},
		"the auto key on another kind":       {gateway, map[string]string{annotations.DefaultAutoKey: "true"}, false},
		"auto, switched off":                 {ingress, map[string]string{annotations.DefaultAutoKey: "false"}, false},
		"an issuer of another kind's object": {gateway, map[string]string{p + "issuer": "ca"}, true},
		"an empty issuer":                    {ingress, map[string]string{p + "issuer": " "}, false},
		"no issuer":                          {ingress, map[string]string{p + "duration": "90d"}, false},
		"an ignored object":                  {ingress, map[string]string{p + "issuer": "ca", "certshim.io/ignore": "true"}, false},
		"nothing":                            {ingress, nil, false},
	} {
		if got := e.looksAt(t, write{now: object(row.kind, row.in)}); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
	going := written(map[string]string{p + "issuer": "ca"})
	going.now.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(0, 0)})
	if e.looksAt(t, going) {
		t.Error("an object that is being deleted is looked at")
	}
}

func FuzzPolicy(f *testing.F) {
	rows := policies.Rows()
	for _, c := range policies.Cases() {
		for at, row := range rows {
			if value := c.Annotations[row.Key]; 0 < len(value) && len(value) < 1000 {
				f.Add(at, value, c.Annotations[p+"renew-before"], c.Annotations[p+"private-key-algorithm"])
			}
		}
	}
	e := ofAnnotations(f)
	f.Fuzz(func(t *testing.T, at int, value, before, algorithm string) {
		if at < 0 || !validAll(value, before, algorithm) {
			t.Skip("no value that an API server has")
		}
		in := map[string]string{p + "renew-before": before, p + "private-key-algorithm": algorithm, rows[at%len(rows)].Key: value}
		unreadable := policies.Unreadable(in)
		for _, key := range e.refuses(t, written(in)) {
			if !slices.Contains(unreadable, key) {
				t.Errorf("%q: the policy refuses %s, which is read", in, key)
			}
		}
	})
}

// validAll says whether an object can have such values: the API server takes valid UTF-8 alone.
func validAll(values ...string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) })
}
