#!/bin/sh
# build.sh BINDIR [pebble]
#
# Builds the programs that the external issuers need into BINDIR, each from the tool directives of a module of its own:
# aws-privateca-issuer (test/awspca), and pebble with pebble-challtestsrv (test/pebble), or these alone. A cold build takes minutes, an
# up-to-date one returns at once.
set -eu

bindir=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."

build/tools.sh "$bindir" pebble "120 pebble" pebble pebble-challtestsrv
[ "${2:-}" = pebble ] || build/tools.sh "$bindir" awspca "550 aws-privateca-issuer" aws-privateca-issuer
