package app_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certshim/certshim/cmd/certshim/app"
	"github.com/certshim/certshim/resolver"
)

// corpCA speaks for one kind, and has nothing to say.
type corpCA struct{}

func (corpCA) Describe() resolver.Description {
	return resolver.Description{Name: "corp-ca", Version: "v1", Kinds: []resolver.DescribedKind{
		{GroupKind: resolver.GroupKind{Group: "pki.corp.example", Kind: "CorpIssuer"}, Scope: resolver.Namespaced},
	}}
}

func (corpCA) Resolve(context.Context, resolver.Query) (resolver.Statement, error) {
	return resolver.Statement{}, nil
}

func withCorpCA() app.Option {
	return app.WithResolver(corpCA{}, resolver.IssuerType{
		ID: "corp", Title: "Corp CA", Group: "pki.corp.example", Versions: []string{"v1"},
		Kinds: []resolver.DeclaredKind{{Kind: "CorpIssuer", Resource: "corpissuers", Scope: resolver.Namespaced}},
	})
}

// issuersDisabled runs certshim issuers with resolvers switched off.
func issuersDisabled(t *testing.T, disable string) (status int, out, problems string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "certshim.yaml")
	configuration := "apiVersion: certshim.io/v1alpha1\nkind: ControllerConfiguration\nresolvers: {disable: [" + disable + "]}\n"
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	streams := app.Streams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr}
	status = app.Run(t.Context(), []string{"certshim", "issuers", "--offline", "--config", file}, streams, withCorpCA())
	return status, stdout.String(), stderr.String()
}

func TestResolversAreSwitchedOffByName(t *testing.T) {
	const step, corp = "StepIssuer", "CorpIssuer"
	for disable, want := range map[string][]string{
		"":                      {step, corp},
		"catalogue/step-issuer": {corp},
		"compiled-in/corp-ca":   {step},
		"compiled-in/corp, catalogue/step-issuer": {},
	} {
		status, out, problems := issuersDisabled(t, disable)
		if status != 0 {
			t.Fatalf("%s: status %d: %s", disable, status, problems)
		}
		var got []string
		for _, kind := range []string{step, corp} {
			if strings.Contains(out, " "+kind+" ") {
				got = append(got, kind)
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("without %q there are %v, want %v", disable, got, want)
		}
	}
}

func TestWhatIsSwitchedOffMustBeThere(t *testing.T) {
	for disable, want := range map[string]string{
		"catalogue/step-isuer":   `did you mean "catalogue/step-issuer"?`,
		"catalogue/cert-manager": `resolvers.disable[0]: "catalogue/cert-manager"`,
		"file/corp":              `resolvers.disable[0]: "file/corp"`,
	} {
		status, _, problems := issuersDisabled(t, disable)
		if status != 2 || !strings.Contains(problems, want) {
			t.Errorf("%s: status %d: %s", disable, status, problems)
		}
	}
}
