#!/bin/sh
# progress.sh TOTAL_LABEL go build …
#
# Runs the given go command with -v and shows how many modules it has downloaded and packages compiled so far: one line
# that is rewritten on a terminal, one line each 20 s elsewhere, nothing at all when there was nothing to do.
# TOTAL_LABEL is "TOTAL LABEL" or just "LABEL"; TOTAL is the number of packages of a cold build. The command's own
# messages and its exit status are passed on.
set -eu

label=$1
shift
total=
case $label in
[0-9]*\ *) total=" of about ${label%% *}" label=${label#* } ;;
esac

go_command=$1 verb=$2
shift 2

status=$(mktemp)
trap 'rm -f "$status"' EXIT

{ "$go_command" "$verb" -v "$@" 2>&1 && echo 0 >"$status" || echo $? >"$status"; } |
	awk -v label="$label" -v total="$total" -v tty="$([ -t 2 ] && echo 1 || echo 0)" '
	function now(  t) { "date +%s" | getline t; close("date +%s"); return t }
	function show(end) {
		printf "%sbuilding %s: %d modules downloaded, %d packages%s compiled, %d s%s", (tty ? "\r" : ""), label,
			downloads, count, total, now() - start, end > "/dev/stderr"
		fflush("/dev/stderr")
	}
	BEGIN { start = last = now() }
	/^go: downloading / { downloads++ }
	/^[^ #]+$/ && !/:$/ { count++ }
	/^go: downloading / || (/^[^ #]+$/ && !/:$/) {
		if (tty) show("")
		else if (now() - last >= 20) { last = now(); show("\n") }
		next
	}
	{ print (tty && count ? "\n" : "") $0 > "/dev/stderr" }
	END { if (count + downloads) show("\n") }'

exit "$(cat "$status")"
