#!/bin/sh
# tools.sh BINDIR MODULE LABEL PROGRAM…
#
# Builds the tools of a module, as its go.mod names them, into BINDIR, where one of the programs is missing or the module
# has changed. LABEL is as progress.sh takes it. Two callers don't get in each other's way.
set -eu

bindir=$(mkdir -p "$1" && cd "$1" && pwd)
module=$(cd "$2" && pwd)
label=$3
shift 3
name=$(basename "$module")
progress=$(cd "$(dirname "$0")" && pwd)/progress.sh

if command -v flock >/dev/null; then
	exec 9>"$bindir/.$name.lock"
	flock 9
fi

missing=
for program in "$@"; do
	[ -x "$bindir/$program" ] || missing=$program
done
cd "$module"
stamp=$({ go env GOVERSION GOOS GOARCH && cat go.mod go.sum; } | cksum)
[ -z "$missing" ] && [ "$(cat "$bindir/.$name.stamp" 2>/dev/null)" = "$stamp" ] && exit 0
CGO_ENABLED=0 GOWORK=off "$progress" "$label" go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w" -o "$bindir/" tool
echo "$stamp" >"$bindir/.$name.stamp"
