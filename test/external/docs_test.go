package external

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/external/privateca"
)

// shellBlocks are the blocks of a Markdown file that are marked sh.
var shellBlocks = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// What docs/external-issuers.md has people type is typed here, in its order and in one shell.
func TestDocumentedCommands(t *testing.T) {
	disapprove(t)
	t.Cleanup(func() {
		shared.Delete(t, awspcaResource("awspcaclusterissuers"), "", "corp")
		ctx := context.WithoutCancel(t.Context())
		if err := shared.Kubectl(ctx, "delete", "namespace", "shop", "--ignore-not-found", "--wait=false"); err != nil {
			t.Error(err)
		}
	})
	kubectl, err := cluster.Binary("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Dir(kubectl)
	text, err := os.ReadFile(filepath.Join(bin, "..", "docs", "external-issuers.md"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, block := range shellBlocks.FindAllStringSubmatch(string(text), -1) {
		script.WriteString(block[1])
	}
	shell := exec.CommandContext(t.Context(), "bash", "-exuo", "pipefail", "-c", script.String())
	shell.Dir = filepath.Dir(bin)
	shell.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "KUBECONFIG="+shared.Kubeconfig)
	output, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, want := range []string{
		"certshim issuers corp", "cert-manager.io/issuer-kind: AWSPCAClusterIssuer", // the annotations
		"certshim plan -f", "there is no such Certificate yet", // the plan
		"\ntrue\n",                    // the review
		"/tmp/payments-tls.crt: OK\n", // the chain
		"issuer=CN = Example Corp Issuing CA", "TLS Web Server Authentication", "DNS:payments.example.com",
	} {
		if !strings.Contains(string(output), want) {
			t.Errorf("no %q in\n%s", want, output)
		}
	}
	if !strings.Contains(script.String(), privateca.ARN) {
		t.Errorf("the commands name another CA than %s", privateca.ARN)
	}
	secret := shared.Watch(t, cluster.Secrets(), "shop")
	secret.Signed(t, "payments-tls", shared.AWSPCA.Authority(), "payments.example.com")
}
