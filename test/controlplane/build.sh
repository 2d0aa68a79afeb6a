#!/bin/sh
# build.sh BINDIR
#
# Builds BINDIR/controlplane, and BINDIR/kubectl, which is the same file under another name. A cold build takes minutes
# and shows how far it is; when nothing has changed it returns at once. Of callers at the same time one builds and the
# others wait for it.
set -eu

bindir=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")"

if ! command -v go >/dev/null; then
	echo "build.sh: no go command in PATH: install Go $(sed -n 's/^go //p' go.mod) or newer, https://go.dev/doc/install" >&2
	exit 1
fi
if command -v flock >/dev/null; then
	exec 9>"$bindir/.controlplane.lock"
	flock 9
fi

# What the binary is made from: the toolchain, and every file of the module but its tests.
inputs() {
	go env GOVERSION GOOS GOARCH
	cat build.sh go.mod go.sum ./*.go
}
stamp=$(inputs | cksum)
[ -x "$bindir/controlplane" ] && [ "$(cat "$bindir/.controlplane.stamp" 2>/dev/null)" = "$stamp" ] && exit 0

# Without these the server doesn't know its own version, and kubectl warns about it.
version=$(sed -n 's/^[[:space:]]*k8s.io\/kubernetes \(v[0-9.]*\)$/\1/p' go.mod)
major=${version%%.*} minor=${version#*.}
package=k8s.io/component-base/version
ldflags="-s -w -X $package.gitVersion=$version -X $package.gitMajor=${major#v} -X $package.gitMinor=${minor%%.*}"

# The flags stand here so that no GOFLAGS of the caller means another build. The new file takes the old one's place as a
# whole: one that runs goes on undisturbed.
CGO_ENABLED=0 GOWORK=off ../build/progress.sh "2430 controlplane" \
	go build -mod=readonly -race=false -buildvcs=false -tags= -ldflags "$ldflags" -o "$bindir/.controlplane.new" .
mv -f "$bindir/.controlplane.new" "$bindir/controlplane"
ln -sf controlplane "$bindir/kubectl"
echo "$stamp" >"$bindir/.controlplane.stamp"
