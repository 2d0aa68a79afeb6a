#!/bin/sh
# build.sh BINDIR
#
# Builds BINDIR/certmanager and BINDIR/webhook, cert-manager's own controllers and its admission webhook, from the
# module that test/go.mod names. A cold build takes minutes, an up-to-date one returns at once. Two callers don't get
# in each other's way.
set -eu

bindir=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."

if command -v flock >/dev/null; then
	exec 9>"$bindir/.certmanager.lock"
	flock 9
fi

# current NAME: the program is newer than all that it is made from, and from the same toolchain.
current() {
	[ -x "$bindir/$1" ] && [ "$(cat "$bindir/.$1.go" 2>/dev/null)" = "$(go env GOVERSION)" ] &&
		[ -z "$(find go.mod go.sum "$1" process -newer "$bindir/$1" 2>/dev/null)" ]
}

# build NAME PACKAGES: PACKAGES is how many packages a cold build compiles.
build() {
	if current "$1"; then return; fi
	CGO_ENABLED=0 build/progress.sh "$2 $1" go build -ldflags "-s -w" -o "$bindir/$1" "./$1"
	touch "$bindir/$1"
	go env GOVERSION >"$bindir/.$1.go"
}

build certmanager 1700
build webhook 1700
