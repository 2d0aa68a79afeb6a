#!/usr/bin/env bash
# build.sh BINDIR KUBERNETES CERT_MANAGER
#
# Builds a kube-apiserver, and cert-manager's controllers and webhook, of those versions, such as "build.sh bin v1.34.4
# v1.19.2", from their modules into BINDIR/compat. A version takes minutes and gigabytes of Go's cache, once.
# What is up to date isn't built again: cert-manager's programs are made from our sources as well as from its module.
set -euo pipefail

bindir=$(cd "$1" && pwd) kubernetes=$2 cert_manager=$3
test=$(cd "$(dirname "$0")/.." && pwd)
built=$bindir/compat
export CGO_ENABLED=0 GOWORK=off GOFLAGS=

# module_file MODULE@VERSION: the path of the go.mod of a module.
module_file() { go mod download -json "$1" | sed -n 's/^.*"GoMod": "\(.*\)".*$/\1/p'; }

# The server alone is of that version; etcd, and the few controllers of the control plane, are bin/controlplane's. So is the
# server, where it is of that version.
build_kubernetes() {
	local folder=$built/kubernetes-$kubernetes staging=${kubernetes/v1./v0.}
	# A link to the control plane's own is made anew: that may be of another version by now.
	[ -x "$folder/kube-apiserver" ] && [ ! -L "$folder/kube-apiserver" ] && return
	mkdir -p "$folder/source" && cd "$folder/source"
	ln -sf ../../controlplane "$folder/etcd"
	if grep -q "^[[:space:]]*k8s.io/kubernetes $kubernetes\$" "$test/controlplane/go.mod"; then
		ln -sf ../../controlplane "$folder/kube-apiserver"
		return
	fi
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
}

# ours lists the files of test/ that cert-manager's programs are made from.
ours() { (cd "$test" && find certmanager webhook process -name '*.go' ! -name '*_test.go' | sort); }

# The programs of test/certmanager and test/webhook, in a module that has the other version of cert-manager's alone; or those of bin, where they are
# of that version.
build_cert_manager() {
	local folder=$built/cert-manager-$cert_manager tags= other=settings_before121.go stamp
	if grep -q "^[[:space:]]*github.com/cert-manager/cert-manager $cert_manager\$" "$test/go.mod"; then
		rm -rf "$folder" && mkdir -p "$folder"
		ln -s ../../certmanager ../../webhook "$folder"
		return
	fi
	[ ! -L "$folder/certmanager" ] || rm -rf "$folder"
	stamp=$({ go env GOVERSION && ours && cd "$test" && ours | xargs cat compat/build.sh; } | cksum)
	[ -x "$folder/certmanager" ] && [ -x "$folder/webhook" ] && [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ] && return
	case $cert_manager in v1.19.* | v1.20.*) tags=before121 other=settings.go ;; esac
	rm -rf "$folder/source"
	mkdir -p "$folder/source" && cd "$folder/source"
	ours | (cd "$test" && xargs cp --parents -t "$folder/source")
	rm "certmanager/$other"
	printf 'module github.com/certshim/certshim/test\n\ngo 1.26.0\n\nrequire github.com/cert-manager/cert-manager %s\n' "$cert_manager" >go.mod
	go mod tidy
	grep -q "cert-manager/cert-manager $cert_manager\$" go.mod || { echo "build.sh: cert-manager isn't $cert_manager" >&2; exit 1; }
	"$test/build/progress.sh" "cert-manager $cert_manager" go build -buildvcs=false -tags "$tags" -ldflags "-s -w" -o "$folder/" ./certmanager ./webhook
	echo "$stamp" >"$folder/.stamp"
}

build_kubernetes
build_cert_manager
