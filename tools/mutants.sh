#!/bin/sh
# Builds the engine with one safeguard removed at a time (build tags of
# drive-core/internal/mutant) and runs the tests that must notice. A mutant that
# survives is an error: then the tests prove nothing. `make mutants` calls it.
set -eu

go=${GO:-go}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
survived=0

# kill TAG FOLDER TESTS demands that the tests fail with the tag and pass without.
kill_mutant() {
	if ! "$go" test -count=1 -run="$3" "$2" >"$out" 2>&1; then
		cat "$out"
		echo "*** $1: the tests fail without the mutant, too"
		survived=1
	elif "$go" test -count=1 -tags="mutant_$1" -run="$3" "$2" >"$out" 2>&1; then
		echo "*** $1: SURVIVED: $3 of $2 pass without the safeguard"
		survived=1
	elif grep -q 'build failed\|setup failed' "$out"; then
		cat "$out"
		echo "*** $1: does not compile"
		survived=1
	else
		echo "$1: killed by $(grep -m 1 -o '^--- FAIL: [A-Za-z0-9_/]*\|^panic: .*' "$out" || echo "$3")"
	fi
}

kill_mutant nosync ./drive-core 'CrashClone'
kill_mutant nocrc ./drive-core 'TestDamagedFiles|TestDamagedValueIsNotPassedOn'
kill_mutant nobounds ./drive-core 'TestHostilePreviousOffsets'
exit $survived
