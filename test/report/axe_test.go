package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe is the source of axe-core, which judges pages by WCAG. `make chromium` fetches it; it is used
// as it is, and stands in nothing that we give to others.
func axe(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "..", "bin", "axe.min.js"))
	if err != nil {
		t.Skip("bin/axe.min.js is not there, so that accessibility is not judged: make chromium")
	}
	return string(source)
}

type violation struct {
	ID, Help string
	Nodes    []struct {
		Target         []any
		FailureSummary string
	}
}

func TestAccessibility(t *testing.T) {
	source := axe(t)
	for name, view := range map[string]struct {
		width, height int64
		scheme        string
	}{
		"light": {1400, 1000, "light"}, "dark": {1400, 1000, "dark"}, "narrow": {320, 800, "light"}, "narrow and dark": {320, 800, "dark"},
	} {
		t.Run(name, func(t *testing.T) {
			v := open(t, view.width, view.height)
			v.scheme(view.scheme)
			v.do(chromedp.Navigate(sample(t, small) + "#at=team-001%2Fweb-00001-tls"))
			v.await(loaded)
			if width := seen[int64](v, `document.scrollingElement.scrollWidth`); width > view.width {
				t.Errorf("the page is %d wide in a window of %d", width, view.width)
			}
			v.keep("top-" + name)
			v.judge(source)
			v.do(chromedp.Click(chromedp.CSS(`#rows [aria-level="3"]`)), chromedp.Evaluate[chromedp.Void](`document.getElementById("all").scrollIntoView()`))
			v.keep("list-" + name)
			v.judge(source)
			v.silent()
		})
	}
}

// judge fails for all that axe finds. Its source is evaluated: the page's policy lets no script in.
func (v *view) judge(source string) {
	v.t.Helper()
	v.do(chromedp.Evaluate[chromedp.Void](source))
	text, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](`axe.run(document).then(({ violations, passes }) =>
		JSON.stringify({ passes: passes.length, violations: violations.map(({ id, help, nodes }) => ({ id, help, nodes })) }))`, chromedp.EvalAwaitPromise))
	if err != nil {
		v.t.Fatal(err)
	}
	var out struct {
		Passes     int
		Violations []violation
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		v.t.Fatal(err)
	}
	if out.Passes < 20 {
		v.t.Errorf("axe judged by %d rules, want 20 at least", out.Passes)
	}
	for _, found := range out.Violations {
		for _, node := range found.Nodes {
			v.t.Errorf("%s: %s: %s\n%s", found.ID, found.Help, fmt.Sprint(node.Target...), node.FailureSummary)
		}
	}
}

// What a table of contents by headings and landmarks needs is there without the script, too.
func TestAccessibilityWithoutScripts(t *testing.T) {
	source := axe(t)
	v := open(t, 1400, 1000)
	v.do(chromedp.Navigate(sample(t, small)))
	v.await(loaded)
	v.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("worst").hidden = false; document.getElementById("all").hidden = true`))
	v.judge(source)
}
