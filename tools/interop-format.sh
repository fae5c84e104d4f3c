#!/bin/sh
# Compares the engine with the original, the program simd-r-drive written in Rust:
# each must read what the other wrote. `make interop-format` calls it. The program
# is built once, by cargo, into the user's cache.
# Usage: sh tools/interop-format.sh [-interop.seed=N] [other flags of go test]
set -eu

version=0.17.5-alpha
root=${XDG_CACHE_HOME:-$HOME/.cache}/drive-interop/$version
cli=$root/bin/simd-r-drive

if [ ! -x "$cli" ]; then
	if ! command -v cargo >/dev/null 2>&1; then
		echo '*** SKIPPED: THE COMPARISON WITH THE ORIGINAL NEEDS CARGO, WHICH WAS NOT FOUND ***'
		exit 0
	fi
	cargo install simd-r-drive --version "$version" --locked --root "$root"
fi

cd "$(dirname "$0")/.."
exec "${GO:-go}" test -tags interop -run Interop -count=1 ./drive-core -interop.cli="$cli" "$@"
