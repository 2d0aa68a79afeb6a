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

# current NAME: the program is there, and what it is made from is as it was when its build began. Its stamp holds the
# toolchain, and the time.
current() {
	[ -x "$bindir/$1" ] && [ "$(cat "$bindir/.$1.stamp" 2>/dev/null)" = "$(go env GOVERSION)" ] &&
		[ -z "$(find go.mod go.sum "$1" process -newer "$bindir/.$1.stamp")" ]
}

# build NAME LABEL: LABEL is as progress.sh takes it.
build() {
	if current "$1"; then return; fi
	go env GOVERSION >"$bindir/.$1.stamp.new"
	CGO_ENABLED=0 build/progress.sh "$2" go build -ldflags "-s -w" -o "$bindir/$1" "./$1"
	mv "$bindir/.$1.stamp.new" "$bindir/.$1.stamp"
}

build certmanager "1470 certmanager"
build webhook webhook
