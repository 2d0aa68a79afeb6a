package app

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/doctor"
	"github.com/certshim/certshim/inventory"
	"github.com/certshim/certshim/resolver"
)

// everywhere is an examination of a cluster that serves all kinds there are.
func everywhere(t *testing.T, change func(*configuration.Configuration)) *examination {
	t.Helper()
	o := &doctorOptions{plan: planOptions{release: defaultRelease, configuration: configuration.Default()}}
	change(&o.plan.configuration)
	policy, err := newPolicy(o.plan.configuration, newBuild(nil))
	if err != nil {
		t.Fatal(err)
	}
	o.plan.policy = policy
	lists := map[schema.GroupVersion]*metav1.APIResourceList{}
	add := func(resource schema.GroupVersionResource, kind string, namespaced bool) {
		version := resource.GroupVersion()
		if lists[version] == nil {
			lists[version] = &metav1.APIResourceList{GroupVersion: version.String()}
		}
		lists[version].APIResources = append(lists[version].APIResources, metav1.APIResource{Name: resource.Resource, Kind: kind, Namespaced: namespaced, Verbs: []string{"watch"}})
	}
	for _, kind := range configuration.ShippedKinds().All() {
		if kind.GroupVersionKind().Kind != "ListenerSet" || kind.GroupVersionKind().Group == "gateway.networking.k8s.io" {
			add(kind.Resources()[0], kind.GroupVersionKind().Kind, true)
		}
	}
	for _, known := range policy.Registry.Kinds() {
		add(schema.GroupVersionResource{Group: known.Group, Version: known.Type.Versions[0], Resource: known.Resource}, known.GroupKind.Kind, known.Scope != resolver.Cluster)
	}
	for kind, resource := range map[string]string{"ReferenceGrant": "referencegrants", "HTTPRoute": "httproutes"} {
		add(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: resource}, kind, true)
	}
	add(schema.GroupVersionResource{Group: "openreports.io", Version: "v1alpha1", Resource: "reports"}, "Report", true)
	served := inventory.ReadDiscovery(slices.Collect(maps.Values(lists)), nil, nil)
	return &examination{doctorOptions: o, reading: &reading{served: served}, seen: &doctor.Seen{}}
}

// deployedRules are those of deploy/, as the rules of one role each.
func deployedRules(t *testing.T) (rules []map[string]any) {
	t.Helper()
	for _, name := range []string{"rbac.yaml", "issuers.yaml", "sources.yaml"} {
		content, err := os.ReadFile(filepath.Join("../../../deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		for document := range strings.SplitSeq(string(content), "\n---\n") {
			var role struct {
				Rules []map[string]any `json:"rules"`
			}
			if err := yaml.Unmarshal([]byte(document), &role); err != nil {
				t.Fatal(err)
			}
			rules = append(rules, role.Rules...)
		}
	}
	return rules
}

// What doctor asks for is what deploy/ grants, no less and no more.
func TestDoctorAsksForWhatDeployGrants(t *testing.T) {
	rules := deployedRules(t)
	asked := map[string]bool{}
	for _, p := range everywhere(t, func(*configuration.Configuration) {}).permissions() {
		asked[p.Verb+" "+p.Resource+"."+p.Group] = true
		if !slices.ContainsFunc(rules, func(rule map[string]any) bool { return permits(rule, p) }) {
			t.Errorf("deploy/ doesn't grant %s", p)
		}
	}
	for _, rule := range rules {
		each := func(field string) []string {
			values, _, _ := unstructured.NestedStringSlice(rule, field)
			return values
		}
		for _, group := range each("apiGroups") {
			for _, resource := range each("resources") {
				if strings.HasPrefix(resource, "xlistenersets") {
					continue // where ListenerSets are served, these aren't read
				}
				for _, verb := range each("verbs") {
					if !asked[verb+" "+resource+"."+group] {
						t.Errorf("deploy/ grants %s %s.%s, and doctor doesn't ask for it", verb, resource, group)
					}
				}
			}
		}
	}
}

// The permissions follow the configuration.
func TestDoctorAsksForWhatTheConfigurationNeeds(t *testing.T) {
	for name, row := range map[string]struct {
		change        func(*configuration.Configuration)
		with, without string
	}{
		"no Gateways":     {func(c *configuration.Configuration) { c.GatewayAPI.Enabled = false }, "list ingresses.networking.k8s.io", "list gateways.gateway.networking.k8s.io"},
		"one namespace":   {func(c *configuration.Configuration) { c.Namespaces = []string{"shop"} }, "patch certificates.cert-manager.io in namespace shop", "list clusterissuers.cert-manager.io"},
		"nothing outside": {func(c *configuration.Configuration) { c.Namespaces = []string{"shop"} }, "create events.events.k8s.io in namespace shop", "list namespaces"},
		"no leader":       {func(c *configuration.Configuration) { c.LeaderElect.Enabled = false }, "list namespaces", "create leases.coordination.k8s.io in namespace certshim"},
		"another Lease": {func(c *configuration.Configuration) {
			c.LeaderElect.LeaseName, c.LeaderElect.Namespace = "mine", "there"
		}, "update leases.coordination.k8s.io mine in namespace there", "update leases.coordination.k8s.io certshim in namespace certshim"},
		"no grants": {func(c *configuration.Configuration) { c.CrossNamespace.Mode = "off" }, "list namespaces", "list referencegrants.gateway.networking.k8s.io"},
		"orphans":   {func(c *configuration.Configuration) { c.CrossNamespace.Orphans = annotations.DeleteUnneeded }, "get namespaces", ""},
		"names of routes": {func(c *configuration.Configuration) {
			c.GatewayAPI.RouteNames.Namespaces = map[string][]string{"shop": {"example.com"}}
		}, "watch httproutes.gateway.networking.k8s.io", ""},
		"guarded metrics":  {func(c *configuration.Configuration) { c.Metrics.Authentication = true }, "create subjectaccessreviews.authorization.k8s.io", ""},
		"reports":          {func(c *configuration.Configuration) { c.Ownership.Reports = configuration.AutoReports }, "patch reports.openreports.io certshim", "patch policyreports.wgpolicyk8s.io certshim"},
		"no names of them": {func(*configuration.Configuration) {}, "get gateways.gateway.networking.k8s.io", "watch httproutes.gateway.networking.k8s.io"},
	} {
		var asked []string
		for _, p := range everywhere(t, row.change).permissions() {
			asked = append(asked, p.String())
		}
		if !slices.Contains(asked, row.with) || row.without != "" && slices.Contains(asked, row.without) {
			t.Errorf("%s: %q", name, asked)
		}
	}
}

func TestPermits(t *testing.T) {
	rule := func(text string) map[string]any {
		var fields map[string]any
		if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
			t.Fatal(err)
		}
		return fields
	}
	ask := doctor.Permission{Verb: "update", Group: "networking.k8s.io", Resource: "ingresses/finalizers"}
	named := doctor.Permission{Verb: "get", Group: "coordination.k8s.io", Resource: "leases", Name: "certshim"}
	for text, row := range map[string]struct {
		p    doctor.Permission
		want bool
	}{
		"{apiGroups: [networking.k8s.io], resources: [ingresses/finalizers], verbs: [update]}":                {ask, true},
		"{apiGroups: ['*'], resources: ['*'], verbs: ['*']}":                                                  {ask, true},
		"{apiGroups: ['*'], resources: ['*/finalizers'], verbs: [update]}":                                    {ask, true},
		"{apiGroups: [networking.k8s.io], resources: [ingresses], verbs: ['*']}":                              {ask, false},
		"{apiGroups: [''], resources: ['*'], verbs: ['*']}":                                                   {ask, false},
		"{apiGroups: ['*'], resources: ['*'], verbs: [get]}":                                                  {ask, false},
		"{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get], resourceNames: [certshim]}":    {named, true},
		"{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get], resourceNames: [other]}":       {named, false},
		"{apiGroups: [networking.k8s.io], resources: ['*'], verbs: [update], resourceNames: [one]}":           {ask, false},
		"{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get], resourceNames: [a, certshim]}": {named, true},
	} {
		if got := permits(rule(text), row.p); got != row.want {
			t.Errorf("%s permits %s: %v", text, row.p, got)
		}
	}
}

// A binding in a namespace counts there alone, for accounts, users and groups.
func TestRolesOfAnAccount(t *testing.T) {
	all := map[string]any{"apiGroups": []any{"*"}, "resources": []any{"*"}, "verbs": []any{"*"}}
	who := account{"system:serviceaccount:certshim:certshim", "certshim"}
	for name, row := range map[string]struct {
		subject   map[string]any
		namespace string
		want      bool
	}{
		"the account":          {map[string]any{"kind": "ServiceAccount", "namespace": "certshim", "name": "certshim"}, "", true},
		"its namespace":        {map[string]any{"kind": "ServiceAccount", "namespace": "certshim", "name": "certshim"}, "shop", true},
		"another namespace":    {map[string]any{"kind": "ServiceAccount", "namespace": "certshim", "name": "certshim"}, "other", false},
		"another account":      {map[string]any{"kind": "ServiceAccount", "namespace": "shop", "name": "certshim"}, "", false},
		"its name as a user":   {map[string]any{"kind": "User", "name": who.name}, "", true},
		"its group":            {map[string]any{"kind": "Group", "name": "system:serviceaccounts:certshim"}, "", true},
		"whoever is known":     {map[string]any{"kind": "Group", "name": "system:authenticated"}, "", true},
		"the group of another": {map[string]any{"kind": "Group", "name": "system:serviceaccounts:shop"}, "", false},
	} {
		r := &roles{bound: []boundRule{{row.namespace, []any{row.subject}, all}}}
		if got := r.may(who, doctor.Permission{Verb: "get", Resource: "pods", Namespace: "shop"}); got.Value != row.want || got.Why != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := (&roles{why: "forbidden"}).may(who, doctor.Permission{}); got.Why != "forbidden" || got.Value {
		t.Errorf("roles that aren't known: %+v", got)
	}
}

// Two configurations differ in the fields that are told, the first ten of them.
func TestConfigurationDrift(t *testing.T) {
	given, runs := configuration.Default(), configuration.Default()
	if got, err := configurationDrift(given, runs); err != nil || len(got) > 0 {
		t.Errorf("the same differ in %q: %v", got, err)
	}
	runs.Workers, runs.Namespaces = 3, []string{"shop"}
	got, err := configurationDrift(given, runs)
	want := []string{"namespaces is [shop], and given is not there", fmt.Sprintf("workers is 3, and given is %d", given.Workers)}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

// object is one as the API server would give it, its numbers whole ones.
func object(t *testing.T, text string) (u unstructured.Unstructured) {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = utiljson.Unmarshal(asJSON, &u.Object)
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Metrics are read as the Pod serves them: by its own port, with TLS where it has a certificate, and not at all where they ask
// for a token.
func TestWhereMetricsOfAPodAre(t *testing.T) {
	const plain, ported = "{metadata: {name: one}, spec: {containers: [{name: certshim}]}}",
		"{metadata: {name: one}, spec: {containers: [{name: certshim, ports: [{name: healthz, containerPort: 1}, {name: http, containerPort: 7}]}]}}"
	for name, row := range map[string]struct {
		pod, want string
		change    func(*configuration.Configuration)
	}{
		"by the configuration": {plain, "http:one:9402", func(*configuration.Configuration) {}},
		"by the Pod":           {ported, "http:one:7", func(*configuration.Configuration) {}},
		"with TLS":             {ported, "https:one:7", func(c *configuration.Configuration) { c.Metrics.TLSCertFile = "tls.crt" }},
		"with a token":         {ported, "a token", func(c *configuration.Configuration) { c.Metrics.Authentication = true }},
		"nowhere":              {plain, "serves no metrics", func(c *configuration.Configuration) { c.MetricsListenAddress = "0" }},
	} {
		c := configuration.Default()
		row.change(&c)
		if got, err := metricsAt(c, object(t, row.pod)); got != row.want && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, row.want)
		}
	}
}

func TestReadMetrics(t *testing.T) {
	got, err := readMetrics(strings.NewReader(`# TYPE certshim_informer_synced gauge
certshim_informer_synced{resource="ingresses.networking.k8s.io"} 1
certshim_informer_synced{resource="gateways.gateway.networking.k8s.io"} 0
# TYPE certshim_resource_forbidden gauge
certshim_resource_forbidden{resource="gateways.gateway.networking.k8s.io"} 1
# TYPE certshim_informer_failing gauge
certshim_informer_failing{resource="ingresses.networking.k8s.io"} 1
# TYPE certshim_pending_writes gauge
certshim_pending_writes 3
# TYPE certshim_write_forbidden gauge
certshim_write_forbidden 1
# TYPE certshim_build_info gauge
certshim_build_info{revision="0123abc",version="v1.2.3"} 1
`))
	want := doctor.Metrics{
		Version: "v1.2.3", PendingWrites: 3, WriteForbidden: true,
		Watched: []doctor.Watched{{Resource: "gateways.gateway.networking.k8s.io", Forbidden: true}, {Resource: "ingresses.networking.k8s.io", Synced: true, Failing: true}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for text, want := range map[string]string{"go_threads 1\n": "don't tell", "<html>": "can't be read"} {
		if _, err := readMetrics(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// Only an answer about the Certificate itself is a refusal, and a webhook's is told apart.
func TestAnswerOfDryRun(t *testing.T) {
	resource := certificate.Resource().GroupResource()
	status := func(code int32, text string) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Message: text}}
	}
	const denied, down = `admission webhook "w" denied the request: wrong`, `Internal error occurred: failed calling webhook "w": refused`
	for name, row := range map[string]struct {
		err  error
		want doctor.Read[doctor.Answer]
	}{
		"accepted":      {nil, doctor.Read[doctor.Answer]{}},
		"denied":        {status(http.StatusNotAcceptable, denied), doctor.Read[doctor.Answer]{Value: doctor.Answer{Refusal: denied, Webhook: true}}},
		"denied as 403": {status(http.StatusForbidden, denied), doctor.Read[doctor.Answer]{Value: doctor.Answer{Refusal: denied, Webhook: true}}},
		"down":          {status(http.StatusInternalServerError, down), doctor.Read[doctor.Answer]{Value: doctor.Answer{Refusal: down}}},
		"two lines":     {errors.New("a\nb"), doctor.Read[doctor.Answer]{Value: doctor.Answer{Refusal: "a b"}}},
		"no permission": {apierrors.NewForbidden(resource, "a", errors.New(`User "eve" cannot patch resource`)), doctor.Read[doctor.Answer]{Why: `certificates.cert-manager.io "a" is forbidden: User "eve" cannot patch resource`}},
		"no namespace":  {apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "a"), doctor.Read[doctor.Answer]{Why: `namespaces "a" not found`}},
	} {
		if diff := cmp.Diff(row.want, answerOf(row.err)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// What the cluster said of an earlier version of a policy doesn't count.
func TestPolicyOf(t *testing.T) {
	for text, want := range map[string]doctor.Policy{
		"{metadata: {name: a, generation: 2}, status: {observedGeneration: 2, typeChecking: {}}}": {Name: "a", Checked: true},
		"{metadata: {name: a, generation: 2}, status: {observedGeneration: 1, typeChecking: {}}}": {Name: "a"},
		"{metadata: {name: a, generation: 2}, status: {observedGeneration: 2}}":                   {Name: "a"},
		"{metadata: {name: a, generation: 1}, status: {observedGeneration: 1, typeChecking: {expressionWarnings: [{fieldRef: x, warning: undefined field}]}}}": {
			Name: "a", Checked: true, Mistakes: []string{"x: undefined field"},
		},
	} {
		if diff := cmp.Diff(want, policyOf(object(t, text))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", text, diff)
		}
	}
}

// A Pod in its node's network has the node's name.
func TestHostOf(t *testing.T) {
	for want, spec := range map[string]map[string]any{"pod": {"nodeName": "node"}, "node": {"nodeName": "node", "hostNetwork": true}} {
		pod := unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "pod"}, "spec": spec}}
		if got := hostOf(pod); got != want {
			t.Errorf("%v: %s, want %s", spec, got, want)
		}
	}
}

// Where cert-manager elects its leader, if it does, is what its flags say, then its file, then its default.
func TestWhereCertManagerElects(t *testing.T) {
	const file = "apiVersion: controller.config.cert-manager.io/v1alpha1\nkind: ControllerConfiguration\nleaderElectionConfig: {enabled: false, namespace: from-file}\n"
	for arguments, want := range map[string]doctor.Deployment{
		"":                                 {LeaderElection: true, LeaseNamespace: "kube-system"},
		"--leader-election-namespace=here": {LeaderElection: true, LeaseNamespace: "here"},
		"--leader-elect=false":             {LeaseNamespace: "kube-system"},
		"--config=/etc/c/config.yaml":      {LeaseNamespace: "from-file"},
		"--config=/etc/c/config.yaml --leader-elect":                             {LeaderElection: true, LeaseNamespace: "from-file"},
		"--config=/etc/c/config.yaml --leader-election-namespace=here --v=2 --x": {LeaseNamespace: "here"},
	} {
		configMap := &unstructured.Unstructured{Object: map[string]any{"data": map[string]any{"config.yaml": file}}}
		how := &running{args: strings.Fields(arguments), mounts: []mounted{{"c", "/etc/c", "", nil}}, read: map[string]*unstructured.Unstructured{"c": configMap}}
		var got doctor.Deployment
		if err := readCertManager(t.Context(), how, &got); err != nil || got.LeaderElection != want.LeaderElection || got.LeaseNamespace != want.LeaseNamespace {
			t.Errorf("%s: %+v, %v, want %+v", arguments, got, err, want)
		}
	}
}

// What is printed of findings, in colour and without, holds nothing that a terminal acts on.
func TestFindingsAsText(t *testing.T) {
	findings := []doctor.Finding{
		{Code: "leader", Level: doctor.Error, Text: "nobody leads \x1b[31m", Help: "see the log"},
		{Code: "plan", Level: doctor.OK, Text: "nothing is left"},
	}
	for coloured, want := range map[bool]string{
		false: "error    leader                nobody leads \\x1b[31m\n                                 see the log\nok       plan                  nothing is left\n1 error, 1 ok\n",
		true:  "\x1b[31merror   \x1b[0m leader                nobody leads \\x1b[31m\n                                 see the log\n\x1b[32mok      \x1b[0m plan                  nothing is left\n1 error, 1 ok\n",
	} {
		var b strings.Builder
		if err := writeFindings(&b, findings, coloured); err != nil || b.String() != want {
			t.Errorf("%q, want %q: %v", b.String(), want, err)
		}
	}
}

// What can't be read of the flags is told before the cluster is asked.
func TestFlagsOfDoctor(t *testing.T) {
	for want, arguments := range map[string][]string{
		"--fail-on is \"note\"":    {"--fail-on=note"},
		"\"table\"":                {"-o=table"},
		"--color is \"maybe\"":     {"--color=maybe"},
		"doctor takes no argument": {"shop"},
		"no cluster":               {"--pre"},
	} {
		t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
		var out, errOut strings.Builder
		status := Run(t.Context(), append([]string{"certshim", "doctor"}, arguments...), Streams{Out: &out, ErrOut: &errOut})
		if status != exitUsage || !strings.Contains(errOut.String(), want) {
			t.Errorf("%q: status %d, %s", arguments, status, errOut.String())
		}
	}
}
