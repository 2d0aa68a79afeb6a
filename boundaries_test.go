package certshim_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/certshim/certshim"

// The rooms and which of the others each may reach, over the whole import graph. The
// linter's depguard sees direct imports only; this sees all.
var mayReach = map[string][]string{
	"names":         {},
	"problem":       {},
	"declaration":   {"problem"},
	"annotations":   {"names", "problem", "declaration"},
	"admission":     {"names", "problem", "declaration", "annotations"},
	"source":        {"names", "problem", "declaration"},
	"routes":        {"names", "problem", "declaration", "source"},
	"resolver":      {"names", "problem", "declaration"},
	"certificate":   {"names", "problem", "declaration", "annotations", "source", "resolver"},
	"ownership":     {"names", "problem", "declaration", "annotations", "source", "resolver", "certificate"},
	".":             {"names", "problem", "declaration", "annotations", "source", "routes", "resolver", "certificate"},
	"configuration": {"names", "problem", "declaration", "annotations", "source", "routes", "resolver", "certificate", "."},
	"inventory":     {"names", "problem", "declaration", "annotations", "source", "routes", "resolver", "certificate", "."},
	"issuance":      {"names", "problem", "declaration", "resolver"},
	"cluster":       {"names", "problem", "declaration", "annotations", "source", "routes", "resolver", "certificate", ".", "inventory"},
	"reports":       {"names", "problem", "declaration", "annotations", "source", "routes", "resolver", "certificate", "ownership", ".", "configuration", "inventory", "cluster"},
	"controller":    {"names", "problem", "declaration", "annotations", "source", "routes", "resolver", "certificate", "ownership", ".", "configuration", "inventory", "cluster", "clientmetrics", "access", "reports"},
	"clientmetrics": {},
	"access":        {},
	"doctor":        {"names", "problem"},
	"plugins":       {"names", "problem", "declaration", "resolver"},
	"cmd":           {"names", "problem", "declaration", "annotations", "admission", "source", "routes", "resolver", "certificate", "ownership", ".", "configuration", "inventory", "plugins", "cluster", "clientmetrics", "access", "reports", "controller", "issuance", "doctor"},
}

// Rooms that stand on the line to the API server.
var onTheLine = []string{"access", "cluster", "clientmetrics", "reports", "controller", "cmd"}

// Packages that do I/O and that no pure room may reach, however far.
var clients = []string{
	"k8s.io/client-go/dynamic",
	"k8s.io/client-go/kubernetes",
	"k8s.io/client-go/informers",
	"k8s.io/client-go/tools/cache",
}

func TestRoomsReachOnlyWhatTheyMay(t *testing.T) {
	for room, allowed := range mayReach {
		t.Run(room, func(t *testing.T) {
			for _, dep := range dependencies(t, room) {
				if other, ours := roomOf(dep); ours && other != room && !slices.Contains(allowed, other) {
					t.Errorf("%s reaches the room %s; it may reach %v", room, other, allowed)
				}
				if !slices.Contains(onTheLine, room) && slices.Contains(clients, dep) {
					t.Errorf("%s has no business with the API server, and reaches %s", room, dep)
				}
			}
		})
	}
}

func TestEveryPackageIsInARoom(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "./...").Output()
	if err != nil {
		t.Fatalf("go list ./...: %v", err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		if room, _ := roomOf(pkg); mayReach[room] == nil && room != "problem" {
			t.Errorf("%s is in no room that this test knows", pkg)
		}
	}
}

// What the program has no use for, by the beginning of a package's path. With html/template the
// linker keeps every exported method of every type.
var ballast = []string{
	"testing", "html/template", "golang.org/x/net/trace", "net/http/pprof", "k8s.io/cli-runtime", "sigs.k8s.io/kustomize",
}

func TestTheProgramHasNoBallast(t *testing.T) {
	for _, dep := range dependencies(t, "cmd/certshim", "-tags", "grpcnotrace") {
		for _, path := range ballast {
			if dep == path || strings.HasPrefix(dep, path+"/") {
				t.Errorf("cmd/certshim reaches %s", dep)
			}
		}
	}
}

func dependencies(t *testing.T, room string, flags ...string) []string {
	t.Helper()
	target := "./" + room + "/..."
	if room == "." {
		target = "."
	}
	out, err := exec.CommandContext(t.Context(), "go", slices.Concat([]string{"list", "-deps"}, flags, []string{target})...).Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", target, err)
	}
	return strings.Fields(string(out))
}

// roomOf gives the room of a package of this module; the root's is ".".
func roomOf(pkg string) (string, bool) {
	if pkg == module {
		return ".", true
	}
	rest, ours := strings.CutPrefix(pkg, module+"/")
	if !ours {
		return "", false
	}
	room, _, _ := strings.Cut(rest, "/")
	return room, true
}
