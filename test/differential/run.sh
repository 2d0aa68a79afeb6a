#!/bin/sh
# run.sh [go test flags]: what cert-manager's own shims make of an input, beside what certshim makes of it.
set -eu
cd "$(dirname "$0")/.."
go test -timeout 10m "$@" ./oracle ./differential
