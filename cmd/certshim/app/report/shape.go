package report

import (
	"fmt"
	"html"
	"strings"

	"github.com/certshim/certshim/ownership"
)

// outlines are the shapes that go with colours, in a square of 16. Nobody has to tell colours apart.
var outlines = []struct{ name, outline string }{
	{"bad", `<path d="M8 1 15.5 14.5H.5z"/>`},
	{"warn", `<path d="M8 .5 15.5 8 8 15.5.5 8z"/>`},
	{"note", `<circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="3"/>`},
	{"good", `<circle cx="8" cy="8" r="6.5"/>`},
	{slug(ownership.Certshim), `<circle cx="8" cy="8" r="6.5"/>`},
	{slug(ownership.Shim), `<path d="M8 1.5A6.5 6.5 0 0 1 8 14.5z"/><circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="2"/>`},
	{slug(ownership.GitOps), `<path d="M8 .5 15.5 8 8 15.5.5 8z"/>`},
	{slug(ownership.Helm), `<path d="M2 2h12v12H2z"/>`},
	{slug(ownership.Person), `<circle cx="8" cy="4.5" r="3.5"/><path d="M1.5 15a6.5 6 0 0 1 13 0z"/>`},
	{slug(ownership.Controller), `<path d="M4.5 1.5h7L15 8l-3.5 6.5h-7L1 8z"/>`},
	{slug(ownership.Restore), `<path d="M14 9.5A6 6 0 1 1 8 2v-2l5 4-5 4V5a3.2 3.2 0 1 0 3 4.5z"/>`},
	{slug(ownership.Unknown), `<path d="M2 2h12v12H2z" fill="none" stroke="currentColor" stroke-width="2.5" stroke-dasharray="3 2"/>`},
	{"nobody", `<path d="M3 3l10 10M13 3 3 13" fill="none" stroke="currentColor" stroke-width="2.5"/>`},
}

// shapes declares the shapes for the whole page.
func shapes() string {
	var b strings.Builder
	b.WriteString(`<svg class="unseen" aria-hidden="true" width="0" height="0">`)
	for _, s := range outlines {
		fmt.Fprintf(&b, `<symbol id="s-%s" viewBox="0 0 16 16">%s</symbol>`, s.name, s.outline)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// holder is a manager's name with the shape and colour of its class.
func holder(class ownership.Class, name string) markup {
	return markup(fmt.Sprintf(`<span class="holder c-%s"><svg class="shape" aria-hidden="true"><use href="#s-%s"/></svg>%s</span>`,
		slug(class), slug(class), textOf(name)))
}

// textOf is text as markup.
func textOf(text string) markup { return markup(html.EscapeString(visible(text))) }
