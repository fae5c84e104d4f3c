#!/bin/sh
# Runs each fuzz target below the given folders, one after the other, and
# prints one line for each. `make fuzz` calls it.
# Usage: FUZZTIME=20s sh tools/fuzz.sh FOLDER...
set -eu

go=${GO:-go}
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# fuzz FOLDER TARGET runs one target. Go 1.26 sometimes fails a target with
# nothing but "context deadline exceeded" when the fuzzing time is up, and
# writes no failing input (golang/go#75804). That alone is tried again. New
# inputs are not made shorter: that takes the time of a short run.
fuzz() {
	for _ in 1 2 3; do
		if "$go" test -run='^$' -fuzz="^$2\$" -fuzztime="${FUZZTIME:-20s}" -fuzzminimizetime=0 "./$1" >"$out" 2>&1; then
			printf '%s %s: %s\n' "$1" "$2" "$(grep '^fuzz: elapsed' "$out" | tail -n 1)"
			return 0
		fi
		if ! grep -q '^ *context deadline exceeded$' "$out" || grep -q 'Failing input written' "$out"; then
			break
		fi
	done
	cat "$out"
	printf '%s %s: FAILED\n' "$1" "$2"
	return 1
}

files=$(find "$@" -name '*_test.go' ! -path '*/testdata/*' | sort)
for file in $files; do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		fuzz "$(dirname "$file")" "$target"
	done
done
