package certificate

import (
	"fmt"
	"strings"
)

//go:generate go test -run TestCausesPageIsUpToDate -update .

const causesHead = `<!-- Generated from certificate/reason.go by "go generate ./certificate"; don't edit. -->

# Causes

Why something is decided is a code, for programs, with words beside it, for people. The codes are ` + "`cause`" + ` in the reports of
` + "`certshim plan -o report`, `explain`, `adopt` and `release` with `-o json`" + `, and in the controller's log. ` + "`behind`" + ` is the cause of the cause, where
there is one, such as why a Certificate without an owner isn't taken over. Codes keep their meaning; words may change.

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
