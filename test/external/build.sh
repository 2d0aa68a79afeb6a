#!/bin/sh
# build.sh BINDIR [pebble]
#
# Builds the programs that the external issuers need into BINDIR, each from the tool directives of a module of its own:
# aws-privateca-issuer (test/awspca), and pebble with pebble-challtestsrv (test/pebble), or these alone. A cold build takes minutes, an
# up-to-date one returns at once. Two callers don't get in each other's way.
set -eu

bindir=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."

if command -v flock >/dev/null; then
	exec 9>"$bindir/.external.lock"
	flock 9
fi

# build MODULE LABEL PROGRAM…: the programs are the module's tools; LABEL is as progress.sh takes it. The stamp holds
# what they are made from.
build() {
	module=$1 label=$2 missing=
	shift 2
	for program in "$@"; do
		[ -x "$bindir/$program" ] || missing=$program
	done
	stamp=$(cd "$module" && { go env GOVERSION GOOS GOARCH && cat go.mod go.sum; } | cksum)
	[ -z "$missing" ] && [ "$(cat "$bindir/.$module.stamp" 2>/dev/null)" = "$stamp" ] && return
	(cd "$module" && CGO_ENABLED=0 GOWORK=off ../build/progress.sh "$label" \
		go build -mod=readonly -buildvcs=false -ldflags "-s -w" -o "$bindir/" tool)
	echo "$stamp" >"$bindir/.$module.stamp"
}

build pebble "120 pebble" pebble pebble-challtestsrv
[ "${2:-}" = pebble ] || build awspca "550 aws-privateca-issuer" aws-privateca-issuer
