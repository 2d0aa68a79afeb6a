package certificate

import (
	"fmt"
	"strings"
)

//go:generate go test -run TestCausesPageIsUpToDate -update .

const causesHead = `<!-- Generated from certificate/reason.go by "go generate ./certificate"; don't edit. -->

# Causes

Why something is decided is a code, for programs, with words beside it, for people. The codes are ` + "`cause`" + ` in the reports of
` + "`certshim plan -o report`, `explain`, `adopt` and `release` with `-o json`" + `, and in the controller's log. Where a cause
has a cause itself, such as why a Certificate without an owner isn't taken over, the reports of ` + "`plan` and `explain`" + ` have that one beside it, as ` + "`behind`" + `; the others
have it in words alone. Codes keep their meaning; words may change.

| cause | words |
|---|---|
`

// RenderCauses returns the page docs/causes.md.
func RenderCauses() string {
	var b strings.Builder
	b.WriteString(causesHead)
	for _, c := range Causes() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", c, c.Words())
	}
	return b.String()
}
