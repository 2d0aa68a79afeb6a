#!/usr/bin/env bash
# run.sh KUBERNETES CERT_MANAGER GATEWAY_API
#
# Runs the short end-to-end tests against a kube-apiserver of that version, cert-manager's controllers and CRDs of that
# version, and the Gateway API's CRDs of that version, such as "run.sh v1.34.4 v1.19.2 v1.4.1". All are built from their
# modules, into bin/compat, once for each version: minutes, and gigabytes of Go's cache. bin/certshim is what is tested.
set -euo pipefail

kubernetes=$1 cert_manager=$2 gateway_api=$3
test=$(cd "$(dirname "$0")/.." && pwd)
built=$test/../bin/compat
mkdir -p "$built"
built=$(cd "$built" && pwd)
export CGO_ENABLED=0 GOWORK=off GOFLAGS=

# module_file MODULE@VERSION: the path of the go.mod of a module.
module_file() { go mod download -json "$1" | sed -n 's/^.*"GoMod": "\(.*\)".*$/\1/p'; }

# The server alone is of that version; etcd, and the few controllers of the control plane, are bin/controlplane's.
build_kubernetes() {
	local folder=$built/kubernetes-$kubernetes staging=${kubernetes/v1./v0.}
	[ -x "$folder/kube-apiserver" ] && return
	mkdir -p "$folder/source" && cd "$folder/source"
	{
		printf 'module compat\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes %s\n\n' "$kubernetes"
		# Kubernetes requires its staging modules at v0.0.0. Not all of them are published, and none of those is needed.
		sed -n 's/^[[:space:]]*\(k8s.io\/[a-z-]*\) v0.0.0$/\1/p' "$(module_file "k8s.io/kubernetes@$kubernetes")" |
			while read -r module; do echo "replace $module => $module $staging"; done
	} >go.mod
	local major_minor=${kubernetes%.*} package=k8s.io/component-base/version
	"$test/build/progress.sh" "kube-apiserver $kubernetes" go build -mod=mod -buildvcs=false -trimpath -o "$folder/" \
		-ldflags "-s -w -X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=${major_minor#v1.}" \
		k8s.io/kubernetes/cmd/kube-apiserver
	ln -sf ../../controlplane "$folder/etcd"
}

# The programs of test/certmanager and test/webhook, in a module that has the other version of cert-manager's alone.
build_cert_manager() {
	local folder=$built/cert-manager-$cert_manager tags= other=settings_before121.go
	[ -x "$folder/certmanager" ] && [ -x "$folder/webhook" ] && return
	case $cert_manager in v1.19.* | v1.20.*) tags=before121 other=settings.go ;; esac
	mkdir -p "$folder/source" && cd "$folder/source"
	for package in certmanager webhook process; do
		mkdir -p $package
		cp "$test/$package"/*.go $package/
		rm -f $package/*_test.go
	done
	rm "certmanager/$other"
	printf 'module github.com/certshim/certshim/test\n\ngo 1.26.0\n\nrequire github.com/cert-manager/cert-manager %s\n' "$cert_manager" >go.mod
	go mod tidy
	grep -q "cert-manager/cert-manager $cert_manager\$" go.mod || { echo "run.sh: cert-manager isn't $cert_manager" >&2; exit 1; }
	"$test/build/progress.sh" "cert-manager $cert_manager" go build -buildvcs=false -tags "$tags" -ldflags "-s -w" -o "$folder/" ./certmanager ./webhook
}

build_kubernetes
build_cert_manager

# What every server and every version of the CRDs must do. ListenerSets, and what Gateways allow of them, are in the Gateway API from 1.5 on.
tests='TheServerIs|TheServerKeepsWhatWritesRelyOn|RenamedSecret|DeletedSource|CertificateEdited|ForeignFieldsSurvive|FieldApplied|ForeignCertificate|IssuerThatAppears|FirstKeeps|BrokenEntry|GatewayGets|ThePolicy(OnTheServer|Denies|ForTies)|AnOldMistake'
case $gateway_api in v1.4.*) ;; *) tests+='|ListenerSetFollows|SecretOfAnotherNamespaceByGrant|ThePolicyWarns' ;; esac
# The test of a take-over runs all three shims, which cert-manager has from 1.21 on.
case $cert_manager in v1.19.* | v1.20.*) ;; *) tests+='|TestTakeOver$' ;; esac
cd "$test"
# Empty but for what is said here, since the tests' own build has to be the usual one.
unset GOFLAGS CGO_ENABLED
KUBEBUILDER_ASSETS=$built/kubernetes-$kubernetes CERTSHIM_CERT_MANAGER_PROGRAMS=$built/cert-manager-$cert_manager \
	CERTSHIM_CERT_MANAGER_VERSION=$cert_manager CERTSHIM_GATEWAY_API_VERSION=$gateway_api CERTSHIM_KUBERNETES_VERSION=$kubernetes \
	go test -count=1 -v -timeout 20m ./e2e -run "$tests"
echo "certshim works with Kubernetes $kubernetes, cert-manager $cert_manager, and the CRDs of the Gateway API $gateway_api"
