#!/usr/bin/env bash
# run.sh [go test flags]
#
# Holds certshim against cert-manager's own shims, and fails too where that runs less than 85 % of their code. After
# -args, -seed N and -cases N choose what is generated.
set -euo pipefail
cd "$(dirname "$0")/.."

least=85
shims=github.com/cert-manager/cert-manager/pkg/controller/certificate-shim
profile=$(mktemp)
trap 'rm -f "$profile"' EXIT

go test -timeout 10m ./oracle
# -count=1: Go's cache of results doesn't see that bin/certshim is another.
go test -count=1 -timeout 20m -v -coverpkg="$shims/..." -coverprofile="$profile" ./differential "$@" | grep -v '^=== \|^ *--- PASS'

covered=$(go tool cover -func="$profile" | awk '/^total:/ { sub("%", "", $NF); print $NF }')
echo "$covered % of $shims was run; at least $least % should be"
awk -v covered="$covered" -v least="$least" 'BEGIN { exit covered < least }'
