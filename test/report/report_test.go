package report

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func call[P, R any](v *view, command cdp.Command[P, R], params P) R {
	v.t.Helper()
	out, err := chromedp.Call(v.ctx, command, params)
	if err != nil {
		v.t.Fatal(err)
	}
	return out
}

const (
	large  = 20000
	medium = 2500
	small  = 400
	// loaded holds once the script has drawn its list.
	loaded = `document.querySelector("#rows [role=row]") !== null`
	count  = `document.getElementById("count").textContent`
	drawn  = `document.querySelectorAll("#rows [role=row]").length`
)

// What a large cluster's report weighs, and how fast it is, is printed and not judged: machines differ.
func TestTwentyThousandCertificates(t *testing.T) {
	v := open(t, 1400, 900)
	address := sample(t, large)
	size, _ := reports.Load(fmt.Sprintf("sample-%d", large))
	if n := len(size.([]byte)); n > 10_000_000 {
		t.Errorf("the file has %d bytes, want 10 MB at most", n)
	} else {
		t.Logf("the file has %d bytes", n)
	}
	call(v, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
	v.do(chromedp.Navigate(address))
	v.await(loaded)
	t.Logf("loaded after %.0f ms, of which it computed %v", seen[float64](v, `performance.getEntriesByType("navigation")[0].duration`), v.busy())
	if got, want := seen[string](v, count), "446 of 20,000 Certificates: what needs attention"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	v.set(`show: "all"`)
	for _, word := range []string{"legacy", "web-01", "example.com", "kubectl-edit 4320h"} {
		begun, busy := time.Now(), v.busy()
		v.set(fmt.Sprintf(`search: %q`, word))
		t.Logf("filtered by %q in %v, of which it computed %v: %s", word, time.Since(begun).Round(time.Millisecond), v.busy()-busy, seen[string](v, count))
		if n := seen[int](v, drawn); n > 200 {
			t.Errorf("%d rows are drawn, want 200 at most", n)
		}
	}
	heap := call(v, runtime.GetHeapUsage, struct{}{})
	t.Logf("its script uses %.0f MB", heap.UsedSize/1e6)
	if len(v.requests) != 1 {
		t.Errorf("it asked for %q, want itself alone", v.requests)
	}
	v.silent()
}

func TestFilters(t *testing.T) {
	v := open(t, 1400, 900)
	v.do(chromedp.Navigate(sample(t, small) + "#verdict=drifted&show=all"))
	v.await(loaded)
	for _, row := range []struct{ set, want string }{
		{"", "5 of 400"},
		{`class: "person"`, "2 of 400"},
		{`class: "helm"`, "0 of 400"},
		{`verdict: "", class: "nobody"`, "2 of 400"},
		{`class: "", search: "LEGACY"`, "2 of 400"},
		{`search: "spec.issuerref.name legacy web-00001"`, "1 of 400"},
		{`search: "team-041/web-00041-tls"`, "1 of 400"},
		{`search: "nothing has this"`, "0 of 400"},
		{`search: "", namespace: "team-399"`, "1 of 400"},
		{`namespace: "", manager: "helm"`, "1 of 400"},
		{`manager: "", show: ""`, "of 400 Certificates: what needs attention"},
	} {
		v.set(row.set)
		if got := seen[string](v, count); !strings.Contains(got, row.want) {
			t.Errorf("after {%s} it says %q, want %q", row.set, got, row.want)
		}
	}
	v.set(`verdict: "drifted", search: "corp 4"`)
	v.await(`location.hash === "#search=corp+4&verdict=drifted"`)
	v.do(chromedp.Evaluate[chromedp.Void](`location.hash = "#show=all&verdict=shared&at=team-081%2Fweb-00081-tls"`))
	v.await(`document.getElementById("verdict").value === "shared" && document.querySelector("#detail h2").textContent === "team-081/web-00081-tls"`)
	v.do(chromedp.Click(chromedp.CSS(`table.chart [data-value="contested"] button`)))
	v.await(`document.getElementById("verdict").value === "contested" && location.hash.includes("contested")`)
	v.silent()
}

// busy is how long the page has computed, however busy the machine is with other things.
func (v *view) busy() time.Duration {
	v.t.Helper()
	for _, metric := range call(v, performance.GetMetrics, struct{}{}).Metrics {
		if metric.Name == "TaskDuration" {
			return time.Duration(metric.Value * float64(time.Second)).Round(time.Millisecond)
		}
	}
	v.t.Fatal("Chromium doesn't tell TaskDuration")
	return 0
}

// set sets choices, given as the inside of an object.
func (v *view) set(choices string) {
	v.t.Helper()
	v.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`for (const [id, value] of Object.entries({%s})) {
		document.getElementById(id).value = value;
		document.getElementById(id).dispatchEvent(new Event("input"));
	}`, choices)))
}

// The walk that breaks lists which move the focus from row to row.
func TestKeys(t *testing.T) {
	const (
		focused = `document.activeElement.id`
		active  = `document.querySelector("#rows .active")?.getAttribute("aria-rowindex") ?? "none"`
		told    = `(document.getElementById(document.getElementById("grid").getAttribute("aria-activedescendant"))?.classList.contains("active") ?? false)`
		level   = `document.querySelector("#rows .active")?.getAttribute("aria-level")`
	)
	v := open(t, 1400, 900)
	v.do(chromedp.Navigate(sample(t, medium)+"#show=all"), chromedp.Focus(chromedp.CSS("#clear")))
	expect := func(what, expression, want string) {
		t.Helper()
		if got := seen[string](v, expression); got != want {
			t.Fatalf("%s: %q, want %q", what, got, want)
		}
	}
	press := func(key string, times int) {
		t.Helper()
		v.do(chromedp.KeyEvent(strings.Repeat(key, times)))
	}
	press(kb.Tab, 1)
	expect("Tab goes to the list", focused, "grid")
	expect("which has a row", active, "2")
	press(kb.ArrowDown, 60)
	expect("60 down", focused, "grid")
	expect("60 down", active, "62")
	if !seen[bool](v, told) {
		t.Error("60 down: the row isn't told")
	}
	press(kb.End, 1)
	expect("End", active, "2501")
	v.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("grid").scrollTop = 0`))
	v.await(`document.querySelector("#rows .active") === null && !document.getElementById("grid").hasAttribute("aria-activedescendant")`)
	press(kb.ArrowUp, 1)
	expect("up after the list was scrolled away", active, "2500")
	press(kb.Home, 1)
	expect("Home", active, "2")
	press(kb.ArrowRight, 2)
	expect("right opens, and goes in", level, "2")
	press(kb.ArrowDown, 1)
	expect("down", level, "3")
	press(kb.ArrowLeft, 1)
	expect("left goes up", level, "2")
	press(kb.ArrowLeft, 1)
	expect("left closes", `document.querySelector("#rows .active").getAttribute("aria-expanded")`, "false")
	press(kb.ArrowLeft, 1)
	expect("left goes up", level, "1")
	press(kb.Enter, 1)
	expect("Enter shows the details", focused, "detail")
	press(kb.Escape, 1)
	expect("Escape goes back", focused, "grid")
	call(v, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "/", Text: "/"})
	expect("/ searches", focused, "search")
	press("legacy", 1)
	if got := seen[string](v, count); !strings.HasPrefix(got, "7 of") {
		t.Errorf("after typing it says %q, want 7 Certificates", got)
	}
	v.silent()
}

func TestDetails(t *testing.T) {
	v := open(t, 1400, 1000)
	v.do(chromedp.Navigate(sample(t, small) + "#at=team-001%2Fweb-00001-tls"))
	v.await(loaded)
	v.do(chromedp.Click(chromedp.CSS(`#rows [aria-level="3"]:has(.mark.warn)`)))
	const text = `document.getElementById("detail").innerText`
	got := seen[string](v, text)
	for _, want := range []string{
		"team-001/web-00001-tls", "Ingress/web-00001", "spec.duration", "8760h0m0s", "2160h0m0s", "kubectl-edit Update", "drifted",
		"certshim, since its source asks for it", "somebody updated it, once; it is put back", "2 Certificates write Secret web-tls",
		"managedFields keep no history", "Event FieldContested", "3 times", "2026-11-26 11:05 UTC, 3 hours before this report", "holds 16 fields",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the details lack %q", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
	v.keep("details")
	v.do(chromedp.Click(chromedp.CSS(`#rows [aria-level="3"]`)))
	if got, want := seen[string](v, text), "metadata.annotations.acme.cert-manager.io/http01-edit-in-place"; !strings.Contains(got, want) {
		t.Errorf("after a click at the first field the details lack %q", want)
	}
	v.silent()
}

// Where scripts don't run the worst are still there: in a sandbox, as CI systems serve such files,
// and where a person has switched them off.
func TestWithoutScripts(t *testing.T) {
	v := open(t, 1200, 900)
	call(v, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	v.do(chromedp.Navigate(sample(t, large)))
	const text = `document.body.innerText`
	got := seen[string](v, text)
	for _, want := range []string{"20,000 Certificates", "team-001/web-02401-tls", "1 unserved", "worst 200 of 445", "kubectl-edit (Update)"} {
		if !strings.Contains(got, want) {
			t.Errorf("without scripts it lacks %q", want)
		}
	}
	if n := seen[int](v, `document.querySelectorAll("#worst tbody tr").length`); n != 200 {
		t.Errorf("%d of the worst are there, want 200", n)
	}
	if seen[bool](v, `document.getElementById("all").checkVisibility()`) {
		t.Error("what needs the script is seen")
	}
	v.keep("without-scripts")

	sandboxed := open(t, 1200, 900)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "sandbox")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := Sample(w, small); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	sandboxed.do(chromedp.Navigate(server.URL))
	if got := seen[string](sandboxed, text); !strings.Contains(got, "team-241/web-00241-tls") || !strings.Contains(got, "team-361/web-00361-tls") {
		t.Errorf("in a sandbox the worst ten are missing: %s", got)
	}
}

func TestPrint(t *testing.T) {
	v := open(t, 1200, 900)
	pages := func() int {
		t.Helper()
		pdf, err := chromedp.Run(v.ctx, chromedp.PrintToPDF())
		if err != nil {
			t.Fatal(err)
		}
		return len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(pdf, -1))
	}
	v.do(chromedp.Navigate(sample(t, small)))
	v.await(loaded)
	few := pages()
	v.do(chromedp.Navigate(sample(t, medium) + "#show=all"))
	v.await(loaded)
	many := pages()
	t.Logf("10 Certificates take %d pages, 2,500 take %d", few, many)
	if few > 4 {
		t.Errorf("10 Certificates take %d pages, want 2 or 3", few)
	}
	if many < 20 || many > 90 {
		t.Errorf("the first 2,000 of 2,500 Certificates take %d pages, want about 45", many)
	}
	v.await(drawn + ` < 200`)
	v.silent()
}

// What writing costs, as `make bench` prints it.
func BenchmarkWrite(b *testing.B) {
	for b.Loop() {
		if err := Sample(io.Discard, large); err != nil {
			b.Fatal(err)
		}
	}
}
