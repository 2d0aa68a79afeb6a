package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/certshim/certshim/cmd/certshim/app/report"
	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/problem"
)

// hostile are texts that try to be more than text.
var hostile = []string{
	`</script><script>window.hit = 1</script>`, `<img src=x onerror="window.hit = 1">`, `"><svg onload="window.hit = 1">`,
	`' onfocus='window.hit = 1' autofocus='`, "<!--<script>", "\x1b[31mred", "\u202egnp.exe", "a\nb", "\u2028", "a\x00b", "\xff", "javascript:window.hit=1",
	"__proto__", "constructor", "%s%d{{.}}", "",
}

// writeHostile writes a report in which everything that comes from a cluster is hostile.
func writeHostile(w *bytes.Buffer) error {
	all := strings.Join(hostile, " ")
	out := report.New(w, report.Head{Subject: all, Scope: all, Program: all, At: At, Attention: attention})
	end := report.End{Notes: hostile, Unread: hostile, Events: map[report.Name][]report.Event{}}
	for i, text := range hostile {
		h := ownership.Holder{Manager: text, Operation: text, Subresource: text, APIVersion: text, Class: ownership.Unknown, Changed: At.Add(time.Hour)}
		object := problem.Object{Kind: "Certificate", Namespace: text, Name: text}
		r := ownership.Report{Namespace: text, Name: text, Ours: true, Fields: []ownership.Field{
			{Path: ".metadata.labels." + text, Live: text, Wanted: map[string]any{text: []any{text, nil, 1.5}}, Verdict: ownership.Drifted,
				Should: ownership.Should{Manager: text, By: ownership.Authority(text)}},
			{Path: text, Live: text, Holders: []ownership.Holder{h}, Verdict: ownership.Contested, Fight: &ownership.Fight{Manager: text, Operation: text}},
			{Path: ".spec." + text, Wanted: text, Holders: []ownership.Holder{h}, Verdict: ownership.Verdict(text)},
		}}
		for range 1 + 999*min(i%2, 1) {
			r.Entries = append(r.Entries, ownership.Entry{Holder: h, Fields: 1})
			h.Changed = time.Time{}
		}
		if err := out.Add(report.Certificate{Ownership: r, Secret: text, Source: object}); err != nil {
			return err
		}
		end.Findings = append(end.Findings, ownership.Finding{Kind: ownership.Kind(text), Severity: problem.Error, Object: object,
			Others: []problem.Object{object}, Message: text})
		end.Events[report.Name{Namespace: text, Name: text}] = []report.Event{{Type: text, Reason: text, Message: text, Reporter: text}}
	}
	return out.Close(end)
}

// The room's own tests look at the file; this looks at what a browser makes of it, in every view.
func TestHostileReportIsInert(t *testing.T) {
	v := open(t, 1400, 1000)
	v.do(chromedp.Navigate(file(t, "hostile", writeHostile) + "#search=%3Cimg&class=%22%3E%3Csvg%20onload=%22window.hit=1%22%3E"))
	v.await(`!document.getElementById("all").hidden`)
	v.set(`search: "", class: "", show: "all"`)
	inert := func(when string) {
		t.Helper()
		if seen[bool](v, `"hit" in window`) {
			t.Fatalf("%s, a script of an object ran", when)
		}
		if n := seen[int](v, `document.querySelectorAll("img, iframe, a, [onload], [onerror], [onfocus], script").length`); n != 1 {
			t.Errorf("%s, the page has %d elements that it shouldn't have", when, n-1)
		}
		if text := seen[string](v, `document.documentElement.innerText`); strings.ContainsAny(text, "\x1b\x00\u202e\u2028\ufffd") {
			t.Errorf("%s, a control character is seen", when)
		}
	}
	inert("at first")
	rows := seen[int](v, drawn)
	if rows != len(hostile) {
		t.Fatalf("%d rows are drawn, want %d", rows, len(hostile))
	}
	for i := range rows {
		for _, rows := range []string{fmt.Sprintf(`aria-level="1"]')].slice(%d, %d)`, i, i+1), `aria-level="3"]')]`} {
			v.do(chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll('#rows [` + rows + `.forEach((row) => row.click())`))
		}
		inert("with details")
	}
	for _, text := range []string{"<img", "script", "red"} {
		v.set(`search: "` + text + `"`)
		inert("with a search")
	}
	v.silent()
	if len(v.requests) != 1 {
		t.Errorf("it asked for %q, want itself alone", v.requests)
	}
}
