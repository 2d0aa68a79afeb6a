package differential

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPageTellsTheRows holds docs/differences.md to the rows: each has one line there, which
// begins with its name and ends with what it says, and no line has another name.
func TestPageTellsTheRows(t *testing.T) {
	content, err := os.ReadFile("../../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	named := regexp.MustCompile("^\\| `([a-z0-9-]+)` \\| .+ \\| (.+) \\|$")
	for line := range strings.SplitSeq(string(content), "\n") {
		found := named.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		told = append(told, found[1])
		i := slices.IndexFunc(Rows(), func(row Row) bool { return row.Name == found[1] })
		switch {
		case i < 0:
			t.Errorf("the page tells of %s, which is no row", found[1])
		case Rows()[i].Says != found[2]:
			t.Errorf("of %s the page says\n%s\nand the code\n%s", found[1], found[2], Rows()[i].Says)
		}
	}
	for _, row := range Rows() {
		if n := len(slices.DeleteFunc(slices.Clone(told), func(name string) bool { return name != row.Name })); n != 1 {
			t.Errorf("the page has %d lines for the row %s; want one:\n| `%s` | … | %s |", n, row.Name, row.Name, row.Says)
		}
	}
}
