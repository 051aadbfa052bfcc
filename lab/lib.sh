# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the lab's programs share: where things are kept, how they speak, and how a long step shows that it lives.
# Sourced by bash with `set -u`; sets lab_dir and lab_cache.

# shellcheck disable=SC2034  # for those who source this
lab_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab_cache=${HANDFAST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/handfast}

# Which program speaks, as lab/run or lab/kernel.
lab_speaker=$(realpath "$0")
lab_speaker=$(basename "${lab_speaker%/*}")/${0##*/}

say() { printf '%s: %s\n' "$lab_speaker" "$*" >&2; }

# die STATUS WHAT WHY CURE: the three parts that every refusal has.
die() {
	local status=$1

	printf '%s: %s\n' "$lab_speaker" "$2" >&2
	[ -z "${3-}" ] || printf '  because: %s\n' "$3" >&2
	[ -z "${4-}" ] || printf '  try:     %s\n' "$4" >&2
	exit "$status"
}

# need_program PROGRAM...: refuses with the command that installs what is lacking.
need_program() {
	local program

	for program in "$@"; do
		command -v "$program" >/dev/null ||
			die 125 "cannot go on without $program" "it is not installed" "scripts/setup"
	done
}

# need_cache: makes the cache folder or says why not.
need_cache() {
	mkdir -p "$lab_cache" 2>/dev/null ||
		die 125 "cannot keep kernels and guest images in $lab_cache" "the folder cannot be made" \
			"HANDFAST_CACHE=/some/folder"
}

# watch_log PID LOG WHAT [PATTERN TOTAL]: a line every ten seconds while PID runs, with the number of lines of
# LOG that match PATTERN against TOTAL, or LOG's last line.
watch_log() {
	local pid=$1 log=$2 what=$3 pattern=${4-} total=${5-} started=$SECONDS tick=0 count

	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.5
		tick=$((tick + 1))
		[ $((tick % 20)) = 0 ] || continue
		if [ -n "$pattern" ]; then
			count=$(grep -c -- "$pattern" "$log")
			say "$what: $count of about $total steps, $((SECONDS - started)) s"
		else
			say "$what: $((SECONDS - started)) s: $(tail -n 1 "$log" | cut -c 1-90)"
		fi
	done
	wait "$pid"
}
