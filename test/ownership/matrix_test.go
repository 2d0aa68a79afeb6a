package ownership

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/test/cluster"
)

// full has every field of the spec, and copied metadata; other has other values for all of them.
const (
	full = `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  labels: {team: a, app.kubernetes.io/name: web}
  annotations: {example.com/a: "1"}
spec:
  additionalOutputFormats: [{type: DER}]
  commonName: a.example.com
  dnsNames: [a.example.com, b.example.com]
  duration: 2160h0m0s
  emailAddresses: [a@example.com]
  encodeUsagesInRequest: true
  ipAddresses: [10.0.0.1]
  isCA: false
  issuerRef: {name: ca, kind: Issuer, group: cert-manager.io}
  keystores:
    jks: {alias: a, create: true, password: x, passwordSecretRef: {name: p, key: k}}
    pkcs12: {create: true, password: x, passwordSecretRef: {name: p, key: k}, profile: LegacyDES}
  literalSubject: CN=a
  nameConstraints:
    critical: true
    excluded: {dnsDomains: [x.example.com], emailAddresses: [x@example.com], ipRanges: [10.1.0.0/16], uriDomains: [x.example.com]}
    permitted: {dnsDomains: [y.example.com], emailAddresses: [y@example.com], ipRanges: [10.2.0.0/16], uriDomains: [y.example.com]}
  otherNames: [{oid: 1.2.3, utf8Value: a}]
  privateKey: {algorithm: RSA, encoding: PKCS1, rotationPolicy: Never, size: 2048}
  renewBefore: 360h0m0s
  renewBeforePercentage: 10
  renewal: {policy: RenewBefore, windows: [{cron: 0 0 * * *, windowDuration: 1h}]}
  revisionHistoryLimit: 1
  secretName: web-tls
  secretTemplate: {annotations: {example.com/x: "1"}, labels: {team: a}}
  signatureAlgorithm: SHA256WithRSA
  subject:
    countries: [DE]
    localities: [a]
    organizationalUnits: [a]
    organizations: [a]
    postalCodes: ["1"]
    provinces: [a]
    serialNumber: "1"
    streetAddresses: [a]
  uris: [spiffe://a]
  usages: [server auth]
`
	other = `
metadata:
  labels: {team: b, app.kubernetes.io/name: other}
  annotations: {example.com/a: "2"}
spec:
  additionalOutputFormats: [{type: CombinedPEM}]
  commonName: b.example.com
  dnsNames: [b.example.com, a.example.com]
  duration: 2000h0m0s
  emailAddresses: [b@example.com]
  encodeUsagesInRequest: false
  ipAddresses: [10.0.0.2]
  isCA: true
  issuerRef: {name: other, kind: ClusterIssuer, group: example.com}
  keystores:
    jks: {alias: b, create: false, password: "y", passwordSecretRef: {name: q, key: l}}
    pkcs12: {create: false, password: "y", passwordSecretRef: {name: q, key: l}, profile: Modern2023}
  literalSubject: CN=b
  nameConstraints:
    critical: false
    excluded: {dnsDomains: [], emailAddresses: [], ipRanges: [], uriDomains: []}
    permitted: {dnsDomains: [z.example.com], emailAddresses: [z@example.com], ipRanges: [10.3.0.0/16], uriDomains: [z.example.com]}
  otherNames: [{oid: 1.2.3, utf8Value: b}]
  privateKey: {algorithm: ECDSA, encoding: PKCS8, rotationPolicy: Always, size: 256}
  renewBefore: 300h0m0s
  renewBeforePercentage: 20
  renewal: {policy: Disabled, windows: []}
  revisionHistoryLimit: 2
  secretName: other-tls
  secretTemplate: {annotations: {example.com/x: "2"}, labels: {team: b}}
  signatureAlgorithm: SHA512WithRSA
  subject:
    countries: [FR]
    localities: [b]
    organizationalUnits: [b]
    organizations: [b]
    postalCodes: ["2"]
    provinces: [b]
    serialNumber: "2"
    streetAddresses: [b]
  uris: [spiffe://b]
  usages: [client auth]
`
)

func parse(t testing.TB, text string) map[string]any {
	t.Helper()
	content, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	object := map[string]any{}
	if err := json.Unmarshal(content, &object); err != nil {
		t.Fatal(err)
	}
	return whole(object).(map[string]any)
}

// whole makes the numbers whole ones, as clients have them.
func whole(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = whole(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = whole(inner)
		}
	case float64:
		return int64(v)
	}
	return value
}

// at is an object that has a value at one path, and nothing else.
func at(path fieldpath.Path, value any) map[string]any {
	for i := len(path) - 1; i >= 0; i-- {
		value = map[string]any{*path[i].FieldName: value}
	}
	return value.(map[string]any)
}

// situation is something that has happened to a field.
type situation struct {
	name          string
	before, after ownership.Verdict
	happens       func(ctx context.Context, c target, path fieldpath.Path, want, other any) error
}

// situations are what may have happened to a field, with the verdict before the next apply and
// after it.
var situations = []situation{
	{"ours alone", ownership.Ours, ownership.Ours, func(context.Context, target, fieldpath.Path, any, any) error { return nil }},
	{"co-owned equal", ownership.Shared, ownership.Shared, func(ctx context.Context, c target, path fieldpath.Path, want, _ any) error {
		return c.applyField(ctx, path, want)
	}},
	{"taken by Update", ownership.Drifted, ownership.Ours, func(ctx context.Context, c target, path fieldpath.Path, _, other any) error {
		_, err := c.merge(ctx, at(path, other), "kubectl-edit")
		return err
	}},
	{"taken by forced Apply", ownership.Yielded, ownership.Yielded, func(ctx context.Context, c target, path fieldpath.Path, _, other any) error {
		return c.applyField(ctx, path, other)
	}},
	{"removed by another", ownership.Drifted, ownership.Ours, func(ctx context.Context, c target, path fieldpath.Path, _, _ any) error {
		_, err := c.merge(ctx, at(path, nil), "kubectl-edit")
		return err
	}},
	{"added back", ownership.Drifted, ownership.Shared, func(ctx context.Context, c target, path fieldpath.Path, want, _ any) error {
		if _, err := c.merge(ctx, at(path, nil), "kubectl-edit"); err != nil {
			return err
		}
		_, err := c.merge(ctx, at(path, want), "kubectl-edit")
		return err
	}},
}

// applyField applies one field by force, as another.
func (t target) applyField(ctx context.Context, path fieldpath.Path, value any) error {
	config := at(path, value)
	config["apiVersion"], config["kind"] = "cert-manager.io/v1", "Certificate"
	_, err := t.apply(ctx, config, "helm", true)
	return err
}

// expectation is the verdict on a field before the next apply and after it.
type expectation struct{ before, after ownership.Verdict }

// policies are what an operator may decide about whatever others hold, and what follows for a field that somebody took.
var policies = []struct {
	then certificate.Then
	want map[string]expectation
}{
	{"", nil},
	{certificate.Force, map[string]expectation{"taken by forced Apply": {ownership.Drifted, ownership.Ours}}},
	{certificate.Yield, map[string]expectation{"taken by Update": {ownership.Yielded, ownership.Yielded}}},
	{certificate.Fail, map[string]expectation{
		"taken by Update": {ownership.Drifted, ownership.Drifted}, "taken by forced Apply": {ownership.Drifted, ownership.Drifted},
	}},
}

// fights are who took a field again and again, by what they did last. It is left to them for now, also where a rule
// would force it.
var fights = []struct {
	situation string
	by        certificate.Fight
	thens     []certificate.Then
}{
	{"taken by Update", certificate.Fight{Manager: "kubectl-edit", Operation: "Update"}, []certificate.Then{"", certificate.Force}},
	{"taken by forced Apply", certificate.Fight{Manager: "helm", Operation: "Apply"}, []certificate.Then{certificate.Force}},
	{"removed by another", certificate.Fight{}, []certificate.Then{"", certificate.Force, certificate.Yield, certificate.Fail}},
}

// row is one of the matrix: what has happened to a field, what the operator decides about it, and what follows.
type row struct {
	name    string
	happens func(ctx context.Context, c target, path fieldpath.Path, want, other any) error
	choice  certificate.Choice
	want    expectation
}

// rowsOf are those of a field.
func rowsOf(path fieldpath.Path) []row {
	var rows []row
	for _, policy := range policies {
		for _, situation := range situations {
			want, changes := policy.want[situation.name]
			if !changes {
				want = expectation{situation.before, situation.after}
			}
			rows = append(rows, row{fmt.Sprintf("%s %s %s", policy.then, situation.name, path), situation.happens, choiceBy(policy.then), want})
		}
	}
	for _, fight := range fights {
		for _, then := range fight.thens {
			choice := choiceBy(then)
			fight.by.Field, fight.by.Rounds = path.String(), 3
			choice.Fights = []certificate.Fight{fight.by}
			at := slices.IndexFunc(situations, func(s situation) bool { return s.name == fight.situation })
			rows = append(rows, row{
				fmt.Sprintf("%s fight %s %s", then, fight.situation, path), situations[at].happens, choice, expectation{ownership.Contested, ownership.Contested},
			})
		}
	}
	return rows
}

// choiceBy decides the same about whatever others hold; nothing for the defaults.
func choiceBy(then certificate.Then) (c certificate.Choice) {
	if then != "" {
		c.Rules = []certificate.OwnershipRule{{Then: then}}
	}
	return c
}

// What is reported of each field, in each situation and under each policy, is what the server's managedFields and
// its answer to the next apply say.
func TestEveryFieldInEverySituation(t *testing.T) {
	namespace := shared.Namespace(t)
	client := shared.Dynamic.Resource(cluster.Certificates()).Namespace(namespace)
	asked, others := parse(t, full), parse(t, other)
	fields, count := 0, 0
	for path := range certificate.Leaves(asked).All() {
		path = path.Copy()
		fields++
		for _, row := range rowsOf(path) {
			count++
			if (count+int(*seed))%*sparing != 0 {
				continue
			}
			name := fmt.Sprintf("c%d", count)
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				m := matrix{T: t, target: target{client, name}, path: path, asked: runtime.DeepCopyJSON(asked), choice: row.choice}
				m.asked["metadata"].(map[string]any)["name"] = name
				m.plays(row.happens, certificate.Lookup(others, path), row.want.before, row.want.after)
			})
		}
	}
	if least := 55; fields < least || count != fields*(len(policies)*len(situations)+7) {
		t.Errorf("%d rows of %d fields, want those of at least %d", count, fields, least)
	}
}

// matrix is one row.
type matrix struct {
	*testing.T
	target
	path  fieldpath.Path
	asked map[string]any
	// choice is what the operator decides about fields that others hold.
	choice certificate.Choice
}

func (m matrix) plays(
	happens func(context.Context, target, fieldpath.Path, any, any) error, other any, before, after ownership.Verdict,
) {
	ctx := m.Context()
	if _, err := m.apply(ctx, m.asked, certificate.FieldManager, false); err != nil {
		m.Fatal(err)
	}
	want := certificate.Lookup(m.asked, m.path)
	if err := happens(ctx, m.target, m.path, want, other); err != nil {
		if required := []string{".spec.secretName", ".spec.issuerRef.name"}; apierrors.IsInvalid(err) && isRequired(m.path, required) {
			return
		}
		m.Fatal(err)
	}
	if m.path.String() == ".spec.secretName" && after != ownership.Shared {
		// What ties it to its source is left to nobody.
		after = ownership.Ours
		if before == ownership.Yielded || before == ownership.Contested {
			before = ownership.Drifted
		}
	}
	live := m.reported(before)
	foreseen, err := ownership.Next(live, m.asked, m.choice)
	if err != nil {
		m.Fatal(err)
	}
	if _, err := m.settle(ctx, live, m.asked, m.choice); err != nil {
		m.Fatal(err)
	}
	now := m.reported(after)
	if diff := cmp.Diff(content(foreseen.Object), content(now)); diff != "" {
		m.Errorf("values (-foreseen +now):\n%s", diff)
	}
	m.sameEntries(foreseen.Object, now)
	again, err := m.settle(ctx, now, m.asked, m.choice)
	if err != nil {
		m.Fatal(err)
	}
	if !reflect.DeepEqual(now, again) {
		m.Errorf("a second apply writes:\n%s", cmp.Diff(now, again))
	}
}

// isRequired reports whether the server refuses to take a field away.
func isRequired(path fieldpath.Path, required []string) bool {
	name := path.String()
	return slices.Contains(required, name) || strings.HasPrefix(name, ".spec.keystores.") && (strings.HasSuffix(name, ".create") || strings.HasSuffix(name, ".name"))
}

// reported checks the report of the field as it is now, and gives the live Certificate.
func (m matrix) reported(want ownership.Verdict) map[string]any {
	m.Helper()
	live, err := m.get(m.Context())
	if err != nil {
		m.Fatal(err)
	}
	report := ownership.Of(ownership.Input{Live: live, Asked: m.asked, Choice: m.choice})
	for _, f := range report.Fields {
		verdict := ownership.Ours
		if f.Path == m.path.String() {
			verdict = want
			m.holdersAgree(live, f)
		}
		// Of the issuer reference and the private key, the parts stand and fall together.
		if f.Verdict != verdict && f.Cause != certificate.FieldLeftWithUnit {
			m.Errorf("%s is %s (%s), held by %v; want %s", f.Path, f.Verdict, f.Cause, f.Holders, verdict)
		}
	}
	return live
}

// holdersAgree compares the holders of a field with what the API server's client reads in managedFields.
func (m matrix) holdersAgree(live map[string]any, f ownership.Field) {
	m.Helper()
	var got, want []string
	for _, h := range f.Holders {
		got = append(got, h.Manager+" "+h.Operation)
	}
	u, err := m.client.Get(m.Context(), m.name, metav1.GetOptions{})
	if err != nil {
		m.Fatal(err)
	}
	for _, e := range u.GetManagedFields() {
		set := fieldpath.NewSet()
		if err := set.FromJSON(strings.NewReader(e.FieldsV1.GetRawString())); err != nil {
			m.Fatal(err)
		}
		if set.Has(m.path) {
			want = append(want, e.Manager+" "+string(e.Operation))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		m.Errorf("holders of %s (-managedFields +report):\n%s", f.Path, diff)
	}
	value := certificate.Lookup(live, m.path)
	if value != nil && strings.HasSuffix(f.Path, ".password") {
		value = ownership.NotShown
	}
	if diff := cmp.Diff(value, f.Live); diff != "" {
		m.Errorf("value (-live +report):\n%s", diff)
	}
}

func (m matrix) sameEntries(foreseen, now map[string]any) {
	m.Helper()
	a, errA := entriesOf(foreseen)
	b, errB := entriesOf(now)
	if errA != nil || errB != nil {
		m.Fatal(errA, errB)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		m.Errorf("managedFields (-foreseen +now):\n%s", diff)
	}
}

// content is an object without what every write changes, and without managedFields.
func content(object map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(object)
	metadata, _ := out["metadata"].(map[string]any)
	for _, name := range []string{"managedFields", "resourceVersion", "generation"} {
		delete(metadata, name)
	}
	return out
}
