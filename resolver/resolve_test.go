package resolver_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// cluster is what an API server serves: scopes by kind.
type cluster map[resolver.GroupKind]resolver.Scope

func (c cluster) Scope(kind resolver.GroupKind) (resolver.Scope, bool) {
	scope, served := c[kind]
	return scope, served
}

func (c cluster) Groups(kind string) []string {
	var groups []string
	for key := range c {
		if key.Kind == kind {
			groups = append(groups, key.Group)
		}
	}
	slices.Sort(groups)
	return groups
}

func (c cluster) Issuers() []resolver.GroupKind { return resolver.CalledIssuers(maps.Keys(c)) }

func newRegistry(t testing.TB, defaults resolver.Defaults, more ...resolver.IssuerType) *resolver.Registry {
	t.Helper()
	shipped, err := resolver.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	registry, err := resolver.NewRegistry(defaults, append(shipped, more...))
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

func entry(level resolver.Level, id, group string, kinds ...resolver.DeclaredKind) resolver.IssuerType {
	return resolver.IssuerType{ID: id, Group: group, Versions: []string{"v1"}, Kinds: kinds, Level: level}
}

func namespaced(kind, resource string) resolver.DeclaredKind {
	return resolver.DeclaredKind{Kind: kind, Resource: resource, Scope: resolver.Namespaced}
}

func clusterScoped(kind, resource string) resolver.DeclaredKind {
	return resolver.DeclaredKind{Kind: kind, Resource: resource, Scope: resolver.Cluster}
}

// show formats a reference as Kind.group/name.
func show(issuer resolver.Issuer) string {
	return issuer.Kind + "." + issuer.Group + "/" + issuer.Name
}

func shows(issuers []resolver.Issuer) []string {
	var out []string
	for _, issuer := range issuers {
		out = append(out, show(issuer))
	}
	return out
}

// result formats an issuer, or returns "refused".
func result(answer resolver.Answer) string {
	if !answer.OK {
		return "refused"
	}
	return show(answer.Issuer)
}

// cert-manager's own rules, with its defaults, with a default name, and with a default issuer in
// a group of its own. Comments point out the differences.
func TestTruthTableOfTheFourAnnotations(t *testing.T) {
	plain := newRegistry(t, resolver.Defaults{})
	named := newRegistry(t, resolver.Defaults{Name: "d"})
	foreign := newRegistry(t, resolver.Defaults{Name: "d", Kind: "DK", Group: "dg.io"})
	for name, row := range map[string]struct {
		lookup                resolver.Lookup
		plain, named, foreign string
	}{
		"auto":            {resolver.Lookup{Auto: true}, "refused", "Issuer.cert-manager.io/d", "DK.dg.io/d"},
		"auto and issuer": {resolver.Lookup{Auto: true, Name: "i"}, "Issuer.cert-manager.io/i", "Issuer.cert-manager.io/i", "Issuer.cert-manager.io/i"}, // theirs: dg.io, which has no Issuer
		"auto, kind":      {resolver.Lookup{Auto: true, Kind: "ClusterIssuer"}, "refused", "ClusterIssuer.cert-manager.io/d", "ClusterIssuer.dg.io/d"},
		"cluster":         {resolver.Lookup{ClusterName: "c"}, "ClusterIssuer.cert-manager.io/c", "ClusterIssuer.cert-manager.io/c", "ClusterIssuer.cert-manager.io/c"}, // theirs: dg.io
		"issuer":          {resolver.Lookup{Name: "i"}, "Issuer.cert-manager.io/i", "Issuer.cert-manager.io/i", "Issuer.cert-manager.io/i"},
		"issuer, group":   {resolver.Lookup{Name: "i", Group: "k.io"}, "Issuer.k.io/i", "Issuer.k.io/i", "Issuer.k.io/i"},
		"issuer, all":     {resolver.Lookup{Name: "i", Kind: "K", Group: "k.io"}, "K.k.io/i", "K.k.io/i", "K.k.io/i"},
		"nothing":         {resolver.Lookup{}, "refused", "refused", "refused"},
		"both names":      {resolver.Lookup{Name: "i", ClusterName: "c"}, "refused", "refused", "refused"},
		"all four":        {resolver.Lookup{Name: "i", ClusterName: "c", Kind: "K", Group: "k.io"}, "refused", "refused", "refused"},
		// cert-manager refuses these, which are the obvious way to name an external
		// cluster-scoped issuer.
		"cluster, kind and group": {
			resolver.Lookup{ClusterName: "c", Kind: "AWSPCAClusterIssuer", Group: "awspca.cert-manager.io"},
			"AWSPCAClusterIssuer.awspca.cert-manager.io/c", "AWSPCAClusterIssuer.awspca.cert-manager.io/c", "AWSPCAClusterIssuer.awspca.cert-manager.io/c",
		},
		"cluster, kind": {
			resolver.Lookup{ClusterName: "c", Kind: "AWSPCAClusterIssuer"},
			"AWSPCAClusterIssuer.awspca.cert-manager.io/c", "AWSPCAClusterIssuer.awspca.cert-manager.io/c", "AWSPCAClusterIssuer.awspca.cert-manager.io/c",
		},
		"cluster, group": {
			resolver.Lookup{ClusterName: "c", Group: "certmanager.freeipa.org"},
			"ClusterIssuer.certmanager.freeipa.org/c", "ClusterIssuer.certmanager.freeipa.org/c", "ClusterIssuer.certmanager.freeipa.org/c",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := []string{
				result(plain.Resolve(row.lookup, nil)),
				result(named.Resolve(row.lookup, nil)),
				result(foreign.Resolve(row.lookup, nil)),
			}
			if diff := cmp.Diff([]string{row.plain, row.named, row.foreign}, got); diff != "" {
				t.Errorf("without defaults, with a name, with a foreign default (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDefaultGroupReachesANamedIssuerWhereItHasTheKind(t *testing.T) {
	registry := newRegistry(t, resolver.Defaults{Group: "certmanager.freeipa.org"})
	for _, row := range []struct {
		lookup resolver.Lookup
		want   string
	}{
		{resolver.Lookup{Name: "i"}, "Issuer.certmanager.freeipa.org/i"},
		{resolver.Lookup{ClusterName: "c"}, "ClusterIssuer.certmanager.freeipa.org/c"},
		{resolver.Lookup{Name: "i", Kind: "StepIssuer"}, "StepIssuer.certmanager.step.sm/i"},
		{resolver.Lookup{Name: "i", Group: "cert-manager.io"}, "Issuer.cert-manager.io/i"},
	} {
		if got := result(registry.Resolve(row.lookup, nil)); got != row.want {
			t.Errorf("%+v: got %s, want %s", row.lookup, got, row.want)
		}
	}
	awspca := newRegistry(t, resolver.Defaults{Name: "d", Kind: "AWSPCAIssuer", Group: "awspca.cert-manager.io"})
	if got := result(awspca.Resolve(resolver.Lookup{ClusterName: "letsencrypt"}, nil)); got != "ClusterIssuer.cert-manager.io/letsencrypt" {
		t.Errorf("a default group without the kind took over: %s", got)
	}
}

func TestScopeAndOrigin(t *testing.T) {
	registry := newRegistry(t, resolver.Defaults{Name: "d", Kind: "ClusterIssuer"})
	for _, row := range []struct {
		lookup resolver.Lookup
		scope  resolver.Scope
		from   resolver.Origin
	}{
		{resolver.Lookup{Auto: true}, resolver.Cluster, resolver.FromDefault},
		{resolver.Lookup{Name: "i"}, resolver.Namespaced, resolver.FromAnnotation},
		{resolver.Lookup{ClusterName: "c", Auto: true}, resolver.Cluster, resolver.FromAnnotation},
		{resolver.Lookup{Name: "i", Kind: "AWSPCAClusterIssuer", Group: "awspca.cert-manager.io"}, resolver.Cluster, resolver.FromAnnotation},
		{resolver.Lookup{Name: "i", Kind: "Strange", Group: "strange.example.com"}, resolver.ScopeUnknown, resolver.FromAnnotation},
	} {
		got := registry.Resolve(row.lookup, nil).Issuer
		if got.Scope != row.scope || got.From != row.from {
			t.Errorf("%+v: scope %q from %q, want %q from %q", row.lookup, got.Scope, got.From, row.scope, row.from)
		}
	}
}

// A completed reference depends on which other kinds are known, so there is a warning.
func TestCompletionsAreSaid(t *testing.T) {
	twice := []resolver.IssuerType{
		entry(resolver.LevelOperator, "a", "a.example.com", namespaced("CorpIssuer", "corpissuers")),
		entry(resolver.LevelOperator, "b", "b.example.com", namespaced("CorpIssuer", "corpissuers")),
	}
	registry := newRegistry(t, resolver.Defaults{}, twice...)
	b := cluster{{Group: "b.example.com", Kind: "CorpIssuer"}: resolver.Namespaced}
	strange := cluster{{Group: "x.example.com", Kind: "XIssuer"}: resolver.Cluster, {Group: "y.example.com", Kind: "Thing"}: resolver.Cluster}
	for name, row := range map[string]struct {
		lookup resolver.Lookup
		served resolver.Served
		want   string
		field  string
	}{
		"kind alone":                      {resolver.Lookup{Name: "i", Kind: "StepIssuer"}, nil, "StepIssuer.certmanager.step.sm/i", resolver.FieldKind},
		"kind alone, group in two":        {resolver.Lookup{Name: "i", Kind: "CorpIssuer"}, nil, "refused", resolver.FieldKind},
		"kind alone, one of two served":   {resolver.Lookup{Name: "i", Kind: "CorpIssuer"}, b, "CorpIssuer.b.example.com/i", resolver.FieldKind},
		"kind alone, sticks to what is":   {resolver.Lookup{Name: "i", Kind: "CorpIssuer", Current: resolver.Ref{Group: "a.example.com", Kind: "CorpIssuer", Name: "i"}}, nil, "CorpIssuer.a.example.com/i", resolver.FieldKind},
		"another name doesn't stick":      {resolver.Lookup{Name: "i", Kind: "CorpIssuer", Current: resolver.Ref{Group: "a.example.com", Kind: "CorpIssuer", Name: "j"}}, nil, "refused", resolver.FieldKind},
		"a group that can't be, no stick": {resolver.Lookup{Name: "i", Kind: "CorpIssuer", Current: resolver.Ref{Group: "c.example.com", Kind: "CorpIssuer", Name: "i"}}, nil, "refused", resolver.FieldKind},
		"served, and declared by nobody":  {resolver.Lookup{Name: "i", Kind: "XIssuer"}, strange, "XIssuer.x.example.com/i", resolver.FieldKind},
		"served, and no issuer":           {resolver.Lookup{Name: "i", Kind: "Thing"}, strange, "refused", resolver.FieldKind},
		"group alone":                     {resolver.Lookup{Name: "i", Group: "awspca.cert-manager.io"}, nil, "AWSPCAIssuer.awspca.cert-manager.io/i", resolver.FieldGroup},
		"group alone, of the cluster":     {resolver.Lookup{ClusterName: "i", Group: "awspca.cert-manager.io"}, nil, "AWSPCAClusterIssuer.awspca.cert-manager.io/i", resolver.FieldGroup},
		"group with its version":          {resolver.Lookup{Name: "i", Kind: "StepIssuer", Group: "certmanager.step.sm/v1beta1"}, nil, "StepIssuer.certmanager.step.sm/i", resolver.FieldGroup},
		"cert-manager's with its version": {resolver.Lookup{ClusterName: "i", Group: "cert-manager.io/v1"}, nil, "ClusterIssuer.cert-manager.io/i", resolver.FieldGroup},
		"a group nobody knows":            {resolver.Lookup{Name: "i", Kind: "K", Group: "k.example.com"}, nil, "K.k.example.com/i", resolver.FieldGroup},
	} {
		t.Run(name, func(t *testing.T) {
			answer := registry.Resolve(row.lookup, row.served)
			if got := result(answer); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
			problems := answer.Problems.All()
			severity := problem.Warning
			if row.want == "refused" {
				severity = problem.Error
			}
			if len(problems) != 1 || problems[0].Key != row.field || problems[0].Severity != severity || problems[0].Reason != problem.BadIssuer {
				t.Errorf("want one %s on %s, got %+v", severity, row.field, problems)
			}
		})
	}
}

// The group that is completed is the only one that fits, or that of the present issuer.
func TestWhyAGroupIsCompleted(t *testing.T) {
	registry := newRegistry(t, resolver.Defaults{},
		entry(resolver.LevelOperator, "a", "a.example.com", namespaced("CorpIssuer", "corpissuers"), namespaced("OneIssuer", "oneissuers")),
		entry(resolver.LevelOperator, "b", "b.example.com", namespaced("CorpIssuer", "corpissuers")))
	for kind, want := range map[string]string{"CorpIssuer": "that of the present Certificate's issuer", "OneIssuer": "the only one that fits"} {
		current := resolver.Ref{Group: "a.example.com", Kind: kind, Name: "i"}
		problems := registry.Resolve(resolver.Lookup{Name: "i", Kind: kind, Current: current}, nil).Problems.All()
		if len(problems) != 1 || !strings.Contains(problems[0].Message, ", "+want+":") {
			t.Errorf("%s: %v, want %q", kind, problems, want)
		}
	}
}

// Kinds that the cluster serves are suggested, declared or not.
func TestWhatIsServedCanBeMeant(t *testing.T) {
	registry := newRegistry(t, resolver.Defaults{})
	served := cluster{
		{Group: "pki.corp.example", Kind: "CorpIssuer"}:        resolver.Namespaced,
		{Group: "pki.corp.example", Kind: "CorpClusterIssuer"}: resolver.Cluster,
		{Group: "pki.corp.example", Kind: "Account"}:           resolver.Namespaced,
		{Group: "apps", Kind: "Deployment"}:                    resolver.Namespaced,
	}
	const corp, corpCluster = "CorpIssuer.pki.corp.example/i", "CorpClusterIssuer.pki.corp.example/i"
	for name, row := range map[string]struct {
		lookup      resolver.Lookup
		want        string
		field, near string
		suggestions []string
	}{
		"a kind misspelt, no group":     {resolver.Lookup{Name: "i", Kind: "CorpIsuer"}, "refused", resolver.FieldKind, "CorpIssuer", []string{corp}},
		"a kind misspelt, with group":   {resolver.Lookup{Name: "i", Kind: "CorpIsuer", Group: "pki.corp.example"}, "refused", resolver.FieldKind, "CorpIssuer", []string{corp}},
		"a group misspelt":              {resolver.Lookup{Name: "i", Kind: "CorpIssuer", Group: "pki.corp.exampel"}, "refused", resolver.FieldGroup, "pki.corp.example", []string{corp}},
		"a kind in cert-manager's":      {resolver.Lookup{Name: "i", Kind: "CorpIssuer", Group: "cert-manager.io"}, "refused", resolver.FieldGroup, "pki.corp.example", []string{corp}},
		"a kind with its group":         {resolver.Lookup{Name: "i", Kind: "CorpIssuer.pki.corp.example"}, "refused", resolver.FieldKind, "CorpIssuer", []string{corp}},
		"a group alone":                 {resolver.Lookup{Name: "i", Group: "pki.corp.example"}, corp, resolver.FieldGroup, "", nil},
		"a group alone, of the cluster": {resolver.Lookup{ClusterName: "i", Group: "pki.corp.example"}, corpCluster, resolver.FieldGroup, "", nil},
		"a group with its version":      {resolver.Lookup{Name: "i", Kind: "CorpIssuer", Group: "pki.corp.example/v1"}, corp, resolver.FieldGroup, "pki.corp.example", nil},
		"another kind of the group":     {resolver.Lookup{Name: "i", Kind: "PartnerIssuer", Group: "pki.corp.example"}, "PartnerIssuer.pki.corp.example/i", resolver.FieldGroup, "", nil},
		"a kind of Kubernetes' own":     {resolver.Lookup{Name: "i", Kind: "Deployment", Group: "apps"}, "refused", resolver.FieldKind, "", []string{"Issuer.cert-manager.io/i", "ClusterIssuer.cert-manager.io/i"}},
		"cluster-issuer, namespaced":    {resolver.Lookup{ClusterName: "i", Kind: "CorpIssuer", Group: "pki.corp.example"}, "refused", resolver.FieldKind, "", []string{corp, corpCluster}},
	} {
		t.Run(name, func(t *testing.T) {
			answer := registry.Resolve(row.lookup, served)
			problems := answer.Problems.All()
			if got := result(answer); got != row.want || len(problems) != 1 {
				t.Fatalf("got %s, want %s: %+v", got, row.want, problems)
			}
			var suggestions []string
			for _, issuer := range answer.Suggestions {
				suggestions = append(suggestions, show(issuer))
			}
			if problems[0].Key != row.field || problems[0].Suggestion != row.near || !slices.Equal(suggestions, row.suggestions) {
				t.Errorf("got %+v, suggested %v", problems[0], suggestions)
			}
		})
	}
}

func TestWhatIsWrittenInFullIsSaidNothingOf(t *testing.T) {
	registry := newRegistry(t, resolver.Defaults{})
	for _, known := range registry.Kinds() {
		lookup := resolver.Lookup{Name: "i", Kind: known.GroupKind.Kind, Group: known.Group}
		answer := registry.Resolve(lookup, nil)
		want := resolver.Ref{Group: known.Group, Kind: known.GroupKind.Kind, Name: "i"}
		if !answer.OK || answer.Issuer.Ref != want || !answer.Problems.Empty() || answer.Issuer.Scope != known.Scope {
			t.Errorf("%+v: %+v", lookup, answer)
		}
	}
}

// Ways to get an issuer wrong. Each gives one problem that says where and why, and suggests
// valid references.
func TestWaysToGetAnIssuerWrong(t *testing.T) {
	registry := newRegistry(t, resolver.Defaults{})
	for _, row := range []struct {
		name        string
		lookup      resolver.Lookup
		field       string
		near        string
		suggestions []string
	}{
		{
			"both names", resolver.Lookup{Name: "i", ClusterName: "c"},
			resolver.FieldClusterName, "", []string{"Issuer.cert-manager.io/i", "ClusterIssuer.cert-manager.io/c"},
		},
		{
			"both names, kind and group", resolver.Lookup{Name: "i", ClusterName: "c", Kind: "StepIssuer", Group: "certmanager.step.sm"},
			resolver.FieldClusterName, "", []string{"StepIssuer.certmanager.step.sm/i", "ClusterIssuer.cert-manager.io/c"},
		},
		{"no name and no default", resolver.Lookup{Auto: true}, resolver.FieldName, "", nil},
		{"a name in capitals", resolver.Lookup{Name: "LetsEncrypt"}, resolver.FieldName, "letsencrypt", []string{"Issuer.cert-manager.io/letsencrypt"}},
		{"a name with an underscore", resolver.Lookup{ClusterName: "lets_encrypt"}, resolver.FieldClusterName, "lets-encrypt", []string{"ClusterIssuer.cert-manager.io/lets-encrypt"}},
		{"a name with its namespace", resolver.Lookup{Name: "ca/corp"}, resolver.FieldName, "corp", []string{"Issuer.cert-manager.io/corp"}},
		{"a name with its kind", resolver.Lookup{Name: "ClusterIssuer/corp"}, resolver.FieldName, "corp", []string{"ClusterIssuer.cert-manager.io/corp"}},
		{"a name in quotes", resolver.Lookup{Name: `"corp"`}, resolver.FieldName, "corp", []string{"Issuer.cert-manager.io/corp"}},
		{"two names in one", resolver.Lookup{Name: "a, b"}, resolver.FieldName, "", nil},
		{"a name with an emoji", resolver.Lookup{Name: "🔒"}, resolver.FieldName, "", nil},
		{"a kind in small letters", resolver.Lookup{Name: "i", Kind: "clusterissuer"}, resolver.FieldKind, "ClusterIssuer", []string{"ClusterIssuer.cert-manager.io/i"}},
		{"a kind in the plural", resolver.Lookup{Name: "i", Kind: "ClusterIssuers", Group: "cert-manager.io"}, resolver.FieldKind, "ClusterIssuer", []string{"ClusterIssuer.cert-manager.io/i"}},
		{"a kind misspelt, no group", resolver.Lookup{Name: "i", Kind: "AWSPCAClusterIsuer"}, resolver.FieldKind, "AWSPCAClusterIssuer", []string{"AWSPCAClusterIssuer.awspca.cert-manager.io/i"}},
		{"a kind misspelt, with group", resolver.Lookup{Name: "i", Kind: "StepIsuer", Group: "certmanager.step.sm"}, resolver.FieldKind, "StepIssuer", []string{"StepIssuer.certmanager.step.sm/i"}},
		{"a kind with its group", resolver.Lookup{Name: "i", Kind: "StepIssuer.certmanager.step.sm"}, resolver.FieldKind, "StepIssuer", []string{"StepIssuer.certmanager.step.sm/i"}},
		{"a kind with its version", resolver.Lookup{Name: "i", Kind: "certmanager.step.sm/v1beta1.StepIssuer"}, resolver.FieldKind, "StepIssuer", []string{"StepIssuer.certmanager.step.sm/i"}},
		{"a kind that is no issuer", resolver.Lookup{Name: "i", Kind: "CertificateRequest"}, resolver.FieldKind, "", []string{"Issuer.cert-manager.io/i", "ClusterIssuer.cert-manager.io/i"}},
		{"a kind that is no issuer, with group", resolver.Lookup{Name: "i", Kind: "Certificate", Group: "cert-manager.io"}, resolver.FieldKind, "", []string{"Issuer.cert-manager.io/i", "ClusterIssuer.cert-manager.io/i"}},
		{
			"an external kind in cert-manager's group", resolver.Lookup{Name: "i", Kind: "AWSPCAClusterIssuer", Group: "cert-manager.io"},
			resolver.FieldGroup, "awspca.cert-manager.io", []string{"AWSPCAClusterIssuer.awspca.cert-manager.io/i"},
		},
		{
			"the kind of another group", resolver.Lookup{Name: "i", Kind: "StepIssuer", Group: "awspca.cert-manager.io"},
			resolver.FieldKind, "", []string{"AWSPCAIssuer.awspca.cert-manager.io/i", "AWSPCAClusterIssuer.awspca.cert-manager.io/i", "StepIssuer.certmanager.step.sm/i"},
		},
		{
			"cert-manager's kind in an external group", resolver.Lookup{Name: "i", Kind: "ClusterIssuer", Group: "awspca.cert-manager.io"},
			resolver.FieldKind, "", []string{"AWSPCAClusterIssuer.awspca.cert-manager.io/i", "AWSPCAIssuer.awspca.cert-manager.io/i", "ClusterIssuer.cert-manager.io/i"},
		},
		{"a group misspelt", resolver.Lookup{Name: "i", Kind: "StepIssuer", Group: "certmanager.step.so"}, resolver.FieldGroup, "certmanager.step.sm", []string{"StepIssuer.certmanager.step.sm/i"}},
		{"cert-manager's group misspelt", resolver.Lookup{ClusterName: "i", Group: "certmanager.io"}, resolver.FieldGroup, "cert-manager.io", []string{"ClusterIssuer.cert-manager.io/i"}},
		{"cert-manager's group of old", resolver.Lookup{ClusterName: "i", Group: "certmanager.k8s.io"}, resolver.FieldGroup, "cert-manager.io", []string{"ClusterIssuer.cert-manager.io/i"}},
		{"a group that is none", resolver.Lookup{Name: "i", Kind: "StepIssuer", Group: "certmanager_step_sm"}, resolver.FieldGroup, "certmanager.step.sm", []string{"StepIssuer.certmanager.step.sm/i"}},
		{"a group misspelt, with a version", resolver.Lookup{Name: "i", Kind: "AWSPCAIssue", Group: "awspca.cert-manager.mo/v1"}, resolver.FieldGroup, "awspca.cert-manager.io", []string{"AWSPCAIssuer.awspca.cert-manager.io/i"}},
		{"kind and a misspelt group in each other's place", resolver.Lookup{Name: "i", Kind: "awspca.cert-manager.mo", Group: "AWSPCAIssuer"}, resolver.FieldKind, "", []string{"AWSPCAIssuer.awspca.cert-manager.io/i"}},
		{"a group with a version nobody has", resolver.Lookup{Name: "i", Kind: "K", Group: "k.example.com/v1"}, resolver.FieldGroup, "k.example.com", []string{"K.k.example.com/i"}},
		{
			"cluster-issuer with a namespaced kind", resolver.Lookup{ClusterName: "c", Kind: "AWSPCAIssuer", Group: "awspca.cert-manager.io"},
			resolver.FieldKind, "", []string{"AWSPCAIssuer.awspca.cert-manager.io/c", "AWSPCAClusterIssuer.awspca.cert-manager.io/c"},
		},
		{
			"cluster-issuer with the kind Issuer", resolver.Lookup{ClusterName: "c", Kind: "Issuer"},
			resolver.FieldKind, "", []string{"Issuer.cert-manager.io/c", "ClusterIssuer.cert-manager.io/c"},
		},
		{
			"cluster-issuer with a kind nobody knows", resolver.Lookup{ClusterName: "c", Kind: "K", Group: "k.example.com"},
			resolver.FieldKind, "", []string{"K.k.example.com/c"},
		},
		{
			"cluster-issuer with a group that has none", resolver.Lookup{ClusterName: "c", Group: "cert-manager.skyscanner.net"},
			resolver.FieldGroup, "", []string{"KMSIssuer.cert-manager.skyscanner.net/c"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			answer := registry.Resolve(row.lookup, nil)
			if answer.OK || answer.Issuer != (resolver.Issuer{}) {
				t.Fatalf("it is taken as %s", show(answer.Issuer))
			}
			problems := answer.Problems.All()
			if len(problems) != 1 {
				t.Fatalf("want one problem, got %v", problems)
			}
			p := problems[0]
			if p.Severity != problem.Error || p.Reason != problem.BadIssuer || p.Key != row.field || p.Suggestion != row.near {
				t.Errorf("want an error on %s that suggests %q, got %+v", row.field, row.near, p)
			}
			if diff := cmp.Diff(row.suggestions, shows(answer.Suggestions)); diff != "" {
				t.Errorf("suggestions (-want +got):\n%s", diff)
			}
		})
	}
}

// Every suggestion must work exactly as given.
func FuzzResolve(f *testing.F) {
	f.Add("i", "", "StepIsuer", "", "d", "Issuer", "cert-manager.io")
	f.Add("", "c", "AWSPCAIssuer", "awspca.cert-manager.io/v1beta1", "", "", "")
	f.Add("A/b", "", "x", "cert-manager_io", "", "ClusterIssuer", "certmanager.freeipa.org")
	shipped, err := resolver.Shipped()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name, clusterName, kind, group, defaultName, defaultKind, defaultGroup string) {
		registry, err := resolver.NewRegistry(resolver.Defaults{Name: defaultName, Kind: defaultKind, Group: defaultGroup}, shipped)
		if err != nil {
			t.Skip("defaults that no registry is made with")
		}
		answer := registry.Resolve(resolver.Lookup{Name: name, ClusterName: clusterName, Kind: kind, Group: group, Auto: true}, nil)
		if answer.OK == answer.Problems.HasErrors() {
			t.Errorf("OK is %v, and the problems are %v", answer.OK, answer.Problems.All())
		}
		if answer.OK && (answer.Issuer.Name == "" || answer.Issuer.Kind == "" || answer.Issuer.Group == "") {
			t.Errorf("incomplete: %+v", answer.Issuer)
		}
		for _, s := range answer.Suggestions {
			again := registry.Resolve(resolver.Lookup{Name: s.Name, Kind: s.Kind, Group: s.Group}, nil)
			if !again.OK || again.Issuer.Ref != s.Ref {
				t.Errorf("the suggestion %s gives %v", show(s), again.Problems.All())
			}
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	registry := newRegistry(b, resolver.Defaults{})
	for name, lookup := range map[string]resolver.Lookup{
		"cluster-issuer": {ClusterName: "letsencrypt"},
		"external":       {Name: "corp", Kind: "AWSPCAClusterIssuer", Group: "awspca.cert-manager.io"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !registry.Resolve(lookup, nil).OK {
					b.Fatal("refused")
				}
			}
		})
	}
}

func TestResolvingWhatIsRightAllocatesNothing(t *testing.T) {
	registry := newRegistry(t, resolver.Defaults{})
	for _, lookup := range []resolver.Lookup{
		{ClusterName: "letsencrypt"},
		{Name: "corp", Kind: "AWSPCAClusterIssuer", Group: "awspca.cert-manager.io"},
	} {
		if n := testing.AllocsPerRun(100, func() { registry.Resolve(lookup, nil) }); n != 0 {
			t.Errorf("%+v: %v allocations", lookup, n)
		}
	}
}

// An unknown group is passed on; if it is part of a known one that has the kind, that is
// suggested.
func TestAPartOfAGroupIsMeant(t *testing.T) {
	registry := newRegistry(t, resolver.Defaults{})
	for group, want := range map[string]string{
		"ejbca-issuer.keyfactor": "ejbca-issuer.keyfactor.com", "globalsign.com": "hvca.globalsign.com", "keyfactor.example.com": "",
	} {
		answer := registry.Resolve(resolver.Lookup{Name: "i", Kind: "ClusterIssuer", Group: group}, nil)
		if got := answer.Problems.All(); len(got) != 1 || got[0].Severity != problem.Warning || got[0].Suggestion != want {
			t.Errorf("%s: got %+v, want %q", group, got, want)
		}
	}
}

// One letter in a short name is no typo, and a kind of which nothing is installed nothing to paste:
// it may be another CA.
func TestTheNearestKindMayBeAnotherCA(t *testing.T) {
	registry := newRegistry(t, resolver.Defaults{})
	kmp, step := cluster{{Group: "kmp.cert-manager.io", Kind: "KMPClusterIssuer"}: resolver.Cluster}, cluster{{Group: "certmanager.step.sm", Kind: "StepIssuer"}: resolver.Namespaced}
	for _, row := range []struct {
		kind   string
		served resolver.Served
		paste  bool
	}{
		{"CMPClusterIssuer", nil, false},
		{"CMPClusterIssuer", kmp, false},
		{"KMPClusterIsuer", cluster{}, true},
		{"SteqIssuer", step, true},
		{"SteqIssuer", cluster{}, false},
		{"StepIsuer", cluster{}, true},
		{"ClusterIsuer", cluster{}, true},
	} {
		answer := registry.Resolve(resolver.Lookup{Name: "corp", Kind: row.kind}, row.served)
		problems := answer.Problems.All()
		if answer.OK || len(problems) != 1 {
			t.Fatalf("%s: %+v", row.kind, answer)
		}
		if p := problems[0]; len(answer.Suggestions) > 0 != row.paste || (p.Suggestion != "") != row.paste || strings.Contains(p.Message, "the nearest kind is ") == row.paste {
			t.Errorf("%s: suggested %v, %+v", row.kind, answer.Suggestions, p)
		}
	}
}
