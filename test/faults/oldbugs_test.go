package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/certshim/certshim/test/cluster"
)

// oldBug is a bug that certshim had once or was close to. It is put back by edits of the sources, and a scene must see it.
type oldBug struct {
	name  string
	edits []edit
	// scene is the test that plays it, as -run takes it, and verdicts what that must find: one of them.
	scene    string
	verdicts []string
}

// edit puts another text in the place of one that occurs once in a file.
type edit struct{ file, from, to string }

var oldBugs = []oldBug{
	{
		"an owner is known by its name alone", []edit{{"certificate/decide.go", "if object.UID != \"\" && owner.UID != object.UID {", "if owner.UID == \"\" && object.UID != \"\" {"}},
		"TestAnotherObjectOfTheName", []string{taken},
	},
	{
		"a tie is known by a name alone", []edit{{"certificate/decide.go", "if object.UID != \"\" && owner.UID != object.UID {", "if owner.UID == \"\" && object.UID != \"\" {"}},
		"TestAnOldViewOfTies", []string{taken},
	},
	{
		"a create takes over what is there", []edit{{"controller/execute.go", "guard = cluster.CreateOnly()", "guard = certificate.Guard{}"}},
		"TestACreateThatMeetsAnother", []string{taken},
	},
	{
		"what the garbage collector removed is made again", []edit{
			{"certificate/decide.go", "d.config, Want(d.config), ReissueUnknown\n\td.out.Confirm = d.mayBeLate()", "d.config, Want(d.config), ReissueUnknown"},
			{"controller/execute.go", "wait = c.creates.wait(ref.UID, d.At(), now)", "wait = 0"},
		},
		"TestStatesThatNobodySaw", []string{doubled},
	},
	{
		"Certificates are deleted by what a list says", []edit{{"controller/execute.go", "if d.Action == certificate.Delete || d.Confirm {", "if d.Action != certificate.Delete && d.Confirm {"}},
		"TestOldListsAtAStart", []string{doubled},
	},
	{
		"nothing is confirmed before a new certificate", []edit{{"controller/execute.go", "if d.Action == certificate.Delete || d.Confirm {", "if d.Action == certificate.Delete {"}},
		"TestOldListsAtAStart", []string{doubled, reissued},
	},
	{
		"a list that is older is taken", []edit{{"cluster/newest.go", "if time.Since(n.behind) < Patience {", "if false {"}},
		"TestOldListsAtAFallback", []string{reissued, doubled},
	},
	{
		"what another one did at its end isn't confirmed", []edit{{"inventory/edits.go", "max(version, last)", "version+min(last, 0)"}},
		"TestASourceThatCameAfterTheLastRenewal", []string{doubled},
	},
	{
		"a leader writes on after its Lease", []edit{
			{"controller/tenure.go", "if !t.begun || t.clocks().reached(t.end) {", "if !t.begun {"},
			{"controller/tenure.go", "return t.end.monotonic\n", "return time.Now().Add(time.Hour)\n"},
			{"controller/tenure.go", "time.AfterFunc(t.end.monotonic.Sub(t.clocks().monotonic), t.lose)", "time.AfterFunc(time.Hour, t.lose)"},
			{"controller/tenure.go", "if err == nil && record.HolderIdentity != l.Identity() {", "if false {"},
		},
		"TestALeaderThatWakesUp", []string{late},
	},
	{
		"a cluster that went back is not noticed", []edit{{"controller/tenure.go", "if t.past == nil && version < t.newest {", "if false {"}},
		"TestAClusterThatGoesBack", []string{stays},
	},
	{
		"a Gateway that comes wakes no ListenerSet", []edit{{"inventory/sources.go", "c.those(sourceFact(k.Kind(), k.Namespace(), k.name), ", "c.those("}},
		"TestAGatewayThatComesLate", []string{lost},
	},
	{
		"a write of certshim's own wakes nobody else", []edit{
			{"inventory/facts.go", "return c.own != nil && c.own.by == k", "return c.own != nil"},
			{"inventory/secrets.go", "if c.own != nil && c.own.name != n {", "if false {"},
		},
		"TestASecretThatIsFreeAgain", []string{lost},
	},
	{
		"a failed write isn't tried again", []edit{
			{"controller/reconcile.go", "c.failures.add(k, time.Now())\n\t\tc.tryOne()\n", ""},
			{"controller/reconcile.go", "return requeue{retry: true}", "return requeue{}"},
		},
		"TestAWriteThatFailsAlone", []string{lost},
	},
	{
		"values of a plugin go when it does", []edit{{"certificate/fill.go", "case held == nil:\n\t\treturn nil\n", "case held == nil:\n\t\treturn nil\n\tcase held != nil:\n\t\treturn in.newValues()\n"}},
		"TestAPluginThatFails", []string{reissued},
	},
	{
		"a new Certificate doesn't wait for its plugin", []edit{{"certificate/limits.go", "return !d.in.Hold.IsZero() && d.decideFor", "return false && d.decideFor"}},
		"TestAPluginThatFails", []string{doubled},
	},
}

// Each oracle sees a build with an old bug.
func TestOldBugs(t *testing.T) {
	if !*bugs {
		t.Skip("it takes some minutes; -bugs plays it")
	}
	for _, bug := range oldBugs {
		t.Run(bug.name, func(t *testing.T) {
			binary := bug.build(t)
			var said []byte
			var exit *exec.ExitError
			// Not each history has the edits that show it.
			for further := uint64(0); exit == nil; further++ {
				scene := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+bug.scene+"$", "-test.timeout=10m", "-certshim="+binary, fmt.Sprintf("-seed=%d", *seed+further))
				var err error
				if said, err = scene.CombinedOutput(); !errors.As(err, &exit) && (err != nil || further == 3) {
					t.Fatalf("%s doesn't see it: %v\n%s", bug.scene, err, said)
				}
			}
			if !slices.ContainsFunc(bug.verdicts, func(verdict string) bool { return sees(said, verdict) }) {
				t.Errorf("%s says none of %q:\n%s", bug.scene, bug.verdicts, said)
			}
		})
	}
}

// sees reports whether a test has found something wrong of that kind.
func sees(said []byte, verdict string) bool {
	return regexp.MustCompile(`(?m)[ \[]` + regexp.QuoteMeta(verdict) + `: `).Match(said)
}

// build builds certshim with the bug.
func (b oldBug) build(t *testing.T) (path string) {
	t.Helper()
	folder := t.TempDir()
	overlay, err := json.Marshal(map[string]any{"Replace": b.sources(t, folder)})
	if err != nil {
		t.Fatal(err)
	}
	replace := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(replace, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(folder, "certshim")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", replace, "-tags", "grpcnotrace", "-o", path, "./cmd/certshim")
	build.Dir, build.Env = root(t), append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return path
}

// sources writes the files as they are with the bug, and gives the path of each by that of the file that it stands for.
func (b oldBug) sources(t *testing.T, folder string) map[string]string {
	t.Helper()
	texts := map[string][]byte{}
	for _, e := range b.edits {
		path := filepath.Join(root(t), filepath.FromSlash(e.file))
		text := texts[path]
		if text == nil {
			var err error
			if text, err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
		if n := bytes.Count(text, []byte(e.from)); n != 1 {
			t.Fatalf("%s has %q %d times, want once: the bug %q can't be put back like this any more", e.file, e.from, n, b.name)
		}
		texts[path] = bytes.Replace(text, []byte(e.from), []byte(e.to), 1)
	}
	replaced := map[string]string{}
	for path, text := range texts {
		replaced[path] = filepath.Join(folder, fmt.Sprintf("%d.go", len(replaced)))
		if err := os.WriteFile(replaced[path], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return replaced
}

// root is the folder of the repository.
func root(t *testing.T) string {
	t.Helper()
	binary, err := cluster.Binary("certshim")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(filepath.Dir(binary))
}

// Each old bug can still be put back, its scene is there, and docs/faults.md has it.
func TestOldBugsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "faults.md"))
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| old bug | seen by | as |\n|---|---|---|\n")
	tests := declared(t)
	for _, bug := range oldBugs {
		bug.sources(t, t.TempDir())
		if !tests[bug.scene] {
			t.Errorf("%s: there is no %s", bug.name, bug.scene)
		}
		fmt.Fprintf(&table, "| %s | `%s` | %s |\n", bug.name, bug.scene, strings.Join(bug.verdicts, " or "))
	}
	if !bytes.Contains(page, []byte(table.String())) {
		t.Errorf("docs/faults.md hasn't this table:\n%s", table.String())
	}
}

// declared are the tests of this package.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
			found[string(match[1])] = true
		}
	}
	return found
}
