#!/usr/bin/env bash
# Gets what the tests of the HTML report need and Go can't build: Chromium without a window, from
# Debian's packages, and axe-core, from npm, as axe.min.js in the folder $1.
set -euo pipefail
bin=$1
axe_version=4.14.1
axe_sha256=29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c

say() { echo "report: $*" >&2; }

has_browser() { command -v chromium-headless-shell || command -v chromium || command -v google-chrome; } >/dev/null

if ! has_browser; then
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    say "no Chromium is installed; as root on Debian: apt-get install --no-install-recommends chromium-headless-shell"
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium-headless-shell >/dev/null
fi

is_axe() { echo "$axe_sha256  $1" | sha256sum --check --status 2>/dev/null; }

if ! is_axe "$bin/axe.min.js"; then
  if ! command -v npm >/dev/null; then
    say "axe-core $axe_version can't be had without npm, so that accessibility is not judged"
    exit 1
  fi
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  (cd "$scratch" && npm pack --silent "axe-core@$axe_version" >/dev/null && tar -xzf axe-core-*.tgz package/axe.min.js)
  is_axe "$scratch/package/axe.min.js" || { say "axe-core $axe_version isn't the file that was pinned"; exit 1; }
  mkdir -p "$bin"
  mv "$scratch/package/axe.min.js" "$bin/axe.min.js"
fi
