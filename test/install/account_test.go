package install

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/test/cluster"
)

// looksFromInside runs commands in certshim's own Pod. There they know the cluster as its ServiceAccount, and say of what that may not read that it
// isn't known.
func (r *release) looksFromInside(t *testing.T) {
	t.Helper()
	const config = "--config=/etc/certshim/certshim.yaml"
	stdout, stderr, exit := r.exec(t, "doctor", "-o=json", config)
	if exit != 0 || stderr != "" {
		t.Errorf("doctor in the Pod ends with %d:\n%s", exit, stderr)
	}
	var known []string
	for _, f := range cluster.Findings(t, []byte(stdout)) {
		if f.Level == "ok" {
			known = append(known, f.Code)
		} else if f.Level != "unknown" || !strings.Contains(f.Text, `is forbidden: User "system:serviceaccount:`+r.name) {
			t.Errorf("doctor in the Pod says %+v", f)
		}
	}
	slices.Sort(known)
	want := []string{"api-groups", "approval", "certificates-served", "issuers", "kinds-served", "kubernetes-version", "permissions", "plan", "shims-quiet"}
	if diff := cmp.Diff(want, known); diff != "" {
		t.Errorf("what doctor knows in the Pod (-want +got)\n%s", diff)
	}
	for _, row := range []struct {
		arguments []string
		exit      int
		says      string
	}{
		{[]string{"plan", "-A", config}, 0, "it is up to date"},
		{[]string{"plan"}, 0, "the configuration of the controller in namespace " + r.name + " can't be read: "},
		{[]string{"plan"}, 0, "No resources found in " + r.name + " namespace."},
		{[]string{"plan", "--as=alice"}, 2, "cannot impersonate"},
	} {
		if stdout, stderr, exit := r.exec(t, row.arguments...); exit != row.exit || !strings.Contains(stdout+stderr, row.says) {
			t.Errorf("certshim %q in the Pod ends with %d, want %d and %s\n%s%s", row.arguments, exit, row.exit, row.says, stdout, stderr)
		}
	}
}
