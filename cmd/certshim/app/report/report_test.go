package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cmd/certshim/app/report"
	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/problem"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var at = time.Date(2026, 11, 26, 14, 5, 0, 0, time.UTC)

func holder(manager, operation string, changed time.Time) ownership.Holder {
	return ownership.Holder{
		Manager: manager, Operation: operation, APIVersion: "cert-manager.io/v1", Changed: changed, Class: ownership.ClassOf(manager),
	}
}

// certificates are one of each kind: drifted, contested, settled, and not certshim's.
func certificates() []report.Certificate {
	ours, person := holder("certshim", "Apply", at.Add(-time.Hour)), holder("kubectl-edit", "Update", at.Add(-time.Minute))
	argo := holder("argocd-controller", "Update", at)
	ingress := problem.Object{Group: "networking.k8s.io", Kind: "Ingress", Namespace: "shop", Name: "web"}
	should := ownership.Should{Manager: "certshim", By: ownership.BySource}
	return []report.Certificate{
		{Secret: "web-tls", Source: ingress, Ownership: ownership.Report{
			Namespace: "shop", Name: "web-tls", Generation: 3, Ours: true,
			Entries: []ownership.Entry{{Holder: ours, Fields: 2, Alone: 1}, {Holder: person, Fields: 2, Alone: 1}},
			Fields: []ownership.Field{
				{Path: ".metadata.labels.app.kubernetes.io/name", Live: "web", Wanted: "web", Holders: []ownership.Holder{ours, person},
					Should: should, Verdict: ownership.Shared, Stays: true},
				{Path: ".spec.dnsNames", Live: []any{"a.example.com"}, Wanted: []any{"a.example.com"}, Holders: []ownership.Holder{ours},
					Should: should, Verdict: ownership.Ours},
				{Path: ".spec.duration", Live: "2h0m0s", Wanted: "1h0m0s", Holders: []ownership.Holder{person}, Should: should,
					Verdict: ownership.Drifted, Cause: certificate.FieldPutBack},
			},
		}},
		{Secret: "api-tls", Source: ingress, Ownership: ownership.Report{
			Namespace: "shop", Name: "api-tls", Ours: true, Entries: []ownership.Entry{{Holder: argo, Fields: 1, Alone: 1}},
			Fields: []ownership.Field{{Path: ".spec.issuerRef.name", Live: "a", Wanted: "b", Holders: []ownership.Holder{argo}, Should: should,
				Verdict: ownership.Contested, Fight: &ownership.Fight{Path: ".spec.issuerRef.name", Manager: argo.Manager, Operation: "Update", Rounds: 3}}},
		}},
		{Secret: "rest-tls", Settled: 12, Source: ingress, Ownership: ownership.Report{Namespace: "blog", Name: "rest-tls", Ours: true}},
		{Secret: "other-tls", Ownership: ownership.Report{
			Namespace: "blog", Name: "other", Entries: []ownership.Entry{{Holder: person, Fields: 1, Alone: 1}},
			Fields: []ownership.Field{{Path: ".spec.secretName", Live: "other-tls", Holders: []ownership.Holder{person}}},
		}},
	}
}

func write(t testing.TB, head report.Head, end report.End, all ...report.Certificate) string {
	t.Helper()
	var b bytes.Buffer
	w := report.New(&b, head)
	for _, c := range all {
		if err := w.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(end); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// attention are the verdicts that need it.
var attention = []ownership.Verdict{ownership.Unserved, ownership.Contested, ownership.Drifted, ownership.Yielded, ownership.Unowned}

func head() report.Head {
	return report.Head{Subject: "context production", Scope: "all namespaces", Program: "certshim v1", At: at, Attention: attention}
}

func end() report.End {
	return report.End{
		Findings: []ownership.Finding{{Kind: ownership.MissingCertificate, Severity: problem.Error,
			Object: problem.Object{Kind: "Ingress", Namespace: "shop", Name: "lost"}, Message: "there is no Certificate lost-tls"}},
		Events: map[report.Name][]report.Event{{Namespace: "shop", Name: "web-tls"}: {
			{At: at.Add(-time.Minute), Count: 2, Type: "Normal", Reason: "UpdateCertificate", Message: "updated", Reporter: "certshim"}}},
		Unread: []string{"Gateways: forbidden"},
		Notes:  []string{"ownership.rules[0] matches nothing"},
	}
}

var block = regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`)

// The page but for its style and script.
func TestPage(t *testing.T) {
	page := block.ReplaceAllString(write(t, head(), end(), certificates()...), "<$1>…</$1>")
	page = regexp.MustCompile(`'sha256-[^']*'`).ReplaceAllString(page, "'sha256-…'")
	golden := filepath.Join("testdata", "page.html")
	if *update {
		if err := os.WriteFile(golden, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), page); diff != "" {
		t.Errorf("%s differs; `go test -update` rewrites it (-want +got):\n%s", golden, diff)
	}
}

// A report of nothing is a page too.
func TestNothing(t *testing.T) {
	page := write(t, head(), report.End{})
	if want := "<strong>0 Certificates</strong> with <strong>0 fields</strong>. No field needs attention."; !strings.Contains(page, want) {
		t.Errorf("it lacks %q", want)
	}
	if strings.Contains(page, "<table") {
		t.Error("it has a table of nothing")
	}
}

// The policy names what is there, byte for byte, so that a browser runs it.
func TestPolicyAllowsScriptAndStyle(t *testing.T) {
	page := write(t, head(), end(), certificates()...)
	found := block.FindAllStringSubmatch(page, -1)
	if len(found) != 2 {
		t.Fatalf("found %d blocks of style and script, want 2", len(found))
	}
	for _, match := range found {
		sum := sha256.Sum256([]byte(match[2]))
		want := match[1] + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		if !strings.Contains(page, want) {
			t.Errorf("the policy lacks %s", want)
		}
	}
	for _, loose := range []string{"unsafe-", "http:", "https:", "//cdn", " style=", " onload=", " onclick="} {
		if text := strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""); strings.Contains(text, loose) {
			t.Errorf("the page has %q", loose)
		}
	}
}

func TestScriptIsValid(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node is installed, so that page.js is not checked")
	}
	if out, err := exec.CommandContext(t.Context(), node, "--check", "page.js").CombinedOutput(); err != nil {
		t.Errorf("node --check page.js: %v\n%s", err, out)
	}
	script, err := os.ReadFile("page.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "fetch(", "XMLHttpRequest", "import("} {
		if bytes.Contains(script, []byte(way)) {
			t.Errorf("page.js uses %s", way)
		}
	}
}

// hostile are texts that try to be more than text.
var hostile = []string{
	`</script><script>hit()</script>`, `<img src=x onerror=hit()>`, `"><svg onload=hit()>`, `' onfocus=hit() autofocus='`, "<!--<script>",
	"\x1b[31mred\x1b[0m", "\u202egnp.exe\u2066", "a\nb\r\n\tc", "\u2028\u2029", "a\x00b", "\xff\xfe", "=1+1", "&lt;b&gt;", strings.Repeat("long ", 5000),
}

// hostileCertificate has a text wherever one fits.
func hostileCertificate(text string) report.Certificate {
	h := ownership.Holder{Manager: text, Operation: text, Subresource: text, APIVersion: text, Class: ownership.Unknown, Changed: at.Add(time.Hour)}
	object := problem.Object{Group: text, Kind: text, Namespace: text + "2", Name: text}
	return report.Certificate{Secret: text, Source: object, Ownership: ownership.Report{
		Namespace: text, Name: text, UID: text, Ours: true, Unread: 3, Heal: []byte(text),
		Entries: []ownership.Entry{{Holder: h, Fields: 1}},
		Fields: []ownership.Field{
			{Path: ".metadata.labels." + text, Live: text, Wanted: map[string]any{text: []any{text}}, Holders: []ownership.Holder{h},
				Verdict: ownership.Drifted, Should: ownership.Should{Manager: text, By: ownership.Authority(text)}},
			{Path: text, Live: text, Holders: []ownership.Holder{h}, Verdict: ownership.Contested,
				Fight: &ownership.Fight{Manager: text, Operation: text, Rounds: 3}},
			{Path: ".metadata.ownerReferences[" + text, Live: map[string]any{"kind": text, "name": text, "uid": text}, Verdict: ownership.Verdict(text)},
		},
	}}
}

func TestHostileTextIsText(t *testing.T) {
	for _, text := range hostile {
		object := problem.Object{Kind: text, Namespace: text, Name: text}
		page := write(t, report.Head{Subject: text, Scope: text, Program: text, At: at, Attention: attention}, report.End{
			Findings: []ownership.Finding{{Kind: ownership.Kind(text), Severity: problem.Error, Object: object, Others: []problem.Object{object}, Message: text}},
			Events:   map[report.Name][]report.Event{{Namespace: text, Name: text}: {{Type: text, Reason: text, Message: text, Reporter: text}}},
			Unread:   []string{text}, Notes: []string{text},
		}, hostileCertificate(text))
		for begin, want := range map[string]int{"<script": 2, "</script": 2, "<style": 1, "<img": 0, "<svg onload": 0, "<!--": 0} {
			if n := strings.Count(strings.ToLower(page), begin); n != want {
				t.Errorf("with %q it has %q %d times, want %d", text, begin, n, want)
			}
		}
		if strings.ContainsFunc(page, func(r rune) bool {
			return r != '\n' && (r < ' ' || r >= 0x202a && r <= 0x2069 || r == '\u2028' || r == '\ufffd')
		}) {
			t.Errorf("with %q it has a character that isn't text", text)
		}
		if len(page) > 250_000 {
			t.Errorf("with %.20q… it has %d bytes", text, len(page))
		}
		dataOf(t, page)
	}
}

// dataOf decodes the block of data.
func dataOf(t testing.TB, page string) (out struct {
	Certificates [][]json.RawMessage
	Findings     [][]json.RawMessage
	Events       [][]json.RawMessage
}) {
	t.Helper()
	_, data, _ := strings.Cut(page, `<script type="application/json" id="data">`)
	data, _, _ = strings.Cut(data, "</script>")
	if err := json.Unmarshal([]byte(data), &out); err != nil {
		t.Fatalf("the data isn't JSON: %v\n%s", err, data)
	}
	return out
}

// The data of a Certificate like another is its own name and little else.
func TestDataIsSharedBetweenCertificates(t *testing.T) {
	first := certificates()[0]
	second := first
	second.Ownership.Name, second.Secret = "web2-tls", "web2-tls"
	rows := dataOf(t, write(t, head(), report.End{}, first, second)).Certificates
	if len(rows[1]) != 2 || string(rows[1][1]) != `["web2-tls"]` {
		t.Errorf("the second Certificate brings %s, want its numbers and its name", rows[1])
	}
}

func TestTooManyFieldsAreLeftOut(t *testing.T) {
	c := certificates()[0]
	h := c.Ownership.Entries[0]
	for range 3000 {
		c.Ownership.Fields = append(c.Ownership.Fields, c.Ownership.Fields[1])
		c.Ownership.Entries = append(c.Ownership.Entries, h)
	}
	var numbers []int
	if err := json.Unmarshal(dataOf(t, write(t, head(), report.End{}, c)).Certificates[0][0], &numbers); err != nil {
		t.Fatal(err)
	}
	const left, entries = 10, 11
	if numbers[left] != 1003+2002 || numbers[entries] != 1000 || len(numbers) != 12+5*1000+2000 {
		t.Errorf("it says %d left out, %d entries, %d numbers", numbers[left], numbers[entries], len(numbers))
	}
}

func TestWorst(t *testing.T) {
	w := report.New(&bytes.Buffer{}, head())
	names := func(n int) (out []string) {
		for _, name := range w.Worst(n) {
			out = append(out, name.Name)
		}
		return out
	}
	for i := range 500 {
		c := certificates()[0]
		c.Ownership.Name = "a" + strings.Repeat("b", i)
		if err := w.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range certificates() {
		if err := w.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"api-tls", "a", "ab"}, names(3)); diff != "" {
		t.Errorf("the worst (-want +got):\n%s", diff)
	}
	if n := len(names(1000)); n != 200 {
		t.Errorf("it has %d, want 200", n)
	}
}

func TestAttentionIsTheCallers(t *testing.T) {
	h := head()
	h.Attention = []ownership.Verdict{ownership.Shared}
	w := report.New(&bytes.Buffer{}, h)
	for _, c := range certificates() {
		if err := w.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Worst(10); len(got) != 1 || got[0].Name != "web-tls" {
		t.Errorf("what needs attention is %v, want web-tls alone", got)
	}
}

// full takes some bytes, and no more.
type full struct{ left int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestErrorsOfWriting(t *testing.T) {
	for _, room := range []int{0, 10_000, 70_000} {
		w := report.New(&full{room}, head())
		var failed error
		for range 3000 {
			for _, c := range certificates() {
				if err := w.Add(c); err != nil {
					failed = err
				}
			}
		}
		if err := w.Close(report.End{}); !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: Close says %v", room, err)
		}
		if !errors.Is(failed, errFull) {
			t.Errorf("room for %d bytes: Add says %v", room, failed)
		}
	}
}
