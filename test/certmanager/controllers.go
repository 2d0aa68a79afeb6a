package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/cert-manager/cert-manager/pkg/controller"

	// Each registers its controllers under the names used below.
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmechallenges"
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmeorders"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/gateways"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/ingresses"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/acme"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"

	// Each registers an issuer type; without it no issuer of that type becomes ready.
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
)

const (
	gatewayShim     = "gateway-shim"
	listenerSetShim = "listenerset"
	clusterIssuers  = "clusterissuers"
)

// issuingControllers make signed Secrets from Certificates.
func issuingControllers() []string {
	return []string{
		"issuers",
		clusterIssuers,
		"certificates-trigger",
		"certificates-issuing",
		"certificates-key-manager",
		"certificates-request-manager",
		"certificates-readiness",
		"certificates-revision-manager",
		"certificaterequests-approver",
		"certificaterequests-issuer-ca",
		"certificaterequests-issuer-selfsigned",
	}
}

// selectControllers returns the names that will run: * stands for the issuing ones, -NAME takes one out again. Limited
// to one namespace, cert-manager leaves out what is cluster-scoped.
func selectControllers(names []string, namespace string) ([]string, error) {
	selected := sets.New[string]()
	for _, name := range names {
		excluded, without := strings.CutPrefix(name, "-")
		switch {
		case name == "*":
			selected.Insert(issuingControllers()...)
		case !isKnown(excluded):
			return nil, fmt.Errorf("--controllers: unknown controller %q, known are %s", excluded, knownControllers())
		case without:
			selected.Delete(excluded)
		default:
			selected.Insert(name)
		}
	}
	if namespace != "" {
		selected.Delete(clusterIssuers)
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("--controllers: none given, known are %s", knownControllers())
	}
	return sets.List(selected), nil
}

func isKnown(name string) bool {
	_, ok := controller.Known()[name]
	return ok
}

func knownControllers() string {
	return strings.Join(slices.Sorted(maps.Keys(controller.Known())), ", ")
}
