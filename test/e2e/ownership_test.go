package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/test/cluster"
)

const ownershipRules = `
apiVersion: certshim.io/v1alpha1
kind: ControllerConfiguration
ownership:
  rules:
  - {managers: [force], then: force}
  - {managers: ["yield*"], operations: [Update], then: yield}
  - {managers: [fail], fields: [spec.duration], then: fail}
  sourcesMay: [fail]
`

// What is done about fields that others hold is what the operator's rules say, or what the source may choose.
func TestFieldsThatOthersHold(t *testing.T) {
	t.Parallel()
	d := startDeployed(t)
	file := filepath.Join(t.TempDir(), "certshim.yaml")
	if err := os.WriteFile(file, []byte(ownershipRules), 0o600); err != nil {
		t.Fatal(err)
	}
	namespace := d.Namespace(t)
	d.Issuer(t, namespace, "ca")
	certificates := d.Watch(t, cluster.Certificates(), namespace)
	events := d.Watch(t, cluster.Events(), namespace)
	d.startFor(t, "certshim", "--leader-elect=false", "--config="+file)
	set := func(name string, more annotations) {
		t.Helper()
		asked := annotations{issuerKey: "ca", "cert-manager.io/duration": "2000h", "cert-manager.io/revision-history-limit": "3"}
		for key, value := range more {
			asked[key] = value
		}
		d.Apply(t, namespace, ingress(name, asked, name+".example.com"))
	}
	for _, name := range []string{"force", "yield", "fail", "chosen"} {
		set(name, annotations{})
		certificates.Object(t, name+"-tls", "to be made", exists)
	}
	set("chosen", annotations{"certshim.io/conflicts": "fail"})
	has := func(duration string, limit int64) func(c *unstructured.Unstructured) bool {
		return func(c *unstructured.Unstructured) bool {
			return field(c, "spec|duration") == duration && field(c, "spec|revisionHistoryLimit") == limit
		}
	}

	d.applyAs(t, namespace, "force-tls", "force", `{"spec":{"duration":"3000h0m0s"}}`)
	wantIn(t, fmt.Sprint(field(awaitWarning(t, events, "force", "EditPutBack"), "note")), `"force"`, "by Apply")
	certificates.Object(t, "force-tls", "to get its duration again, though somebody applies another", has("2000h0m0s", 3))

	d.updateAs(t, namespace, "yield-tls", "yielding", `{"spec":{"duration":"3000h0m0s"}}`)
	wantIn(t, fmt.Sprint(field(awaitWarning(t, events, "yield", "FieldConflict"), "note")), `"yielding"`, "it stays theirs")
	set("yield", annotations{"cert-manager.io/revision-history-limit": "4"})
	certificates.Object(t, "yield-tls", "to get the rest", has("3000h0m0s", 4))

	d.updateAs(t, namespace, "fail-tls", "fail", `{"spec":{"duration":"3000h0m0s"}}`)
	wantIn(t, fmt.Sprint(field(awaitWarning(t, events, "fail", "FieldConflict"), "note")), `"fail"`, "ownership.rules[2]")
	d.applyAs(t, namespace, "chosen-tls", "somebody", `{"spec":{"duration":"3000h0m0s"}}`)
	wantIn(t, fmt.Sprint(field(awaitWarning(t, events, "chosen", "FieldConflict"), "note")), `"somebody"`, "certshim.io/conflicts")
	for _, name := range []string{"fail", "chosen"} {
		set(name, annotations{"cert-manager.io/revision-history-limit": "4", "certshim.io/conflicts": "fail"})
	}
	d.settled(t, namespace)
	for _, name := range []string{"fail", "chosen"} {
		if c := d.certificate(t, namespace, name+"-tls"); !has("3000h0m0s", 3)(c) {
			t.Errorf("%s changed, and nothing of it may: %v", name, c.Object["spec"])
		}
		// Once they agree, the rest follows.
		d.applyAs(t, namespace, name+"-tls", "somebody", `{"spec":{"duration":"2000h0m0s"}}`)
		certificates.Object(t, name+"-tls", "to follow once they agree", has("2000h0m0s", 4))
	}
}
