#!/bin/sh
# Carries calls between this repository and the original programs, unmodified: their
# clients against our server, and the same scenarios against their servers. `make
# interop` calls it.
# Usage: sh tools/interop.sh [flags of go test]
set -eu
cd "$(dirname "$0")/.."
. tools/originals.sh

missing=
if have_cargo; then
	server017=$(original_server 0.17.5-alpha)
	server011=$(original_server 0.11.0-alpha)
	client=$(original_rust_client)
	set -- -interop.rust-client="$client" \
		-interop.server-0.17="$server017" -interop.server-0.11="$server011" "$@"
else
	echo '*** SKIPPED: THE ORIGINAL RUST CLIENT AND SERVERS NEED CARGO, WHICH WAS NOT FOUND ***'
	missing=cargo
fi

python=$(original_python)
if [ -n "$python" ]; then
	set -- -interop.python="$python" "$@"
else
	echo '*** SKIPPED: THE ORIGINAL PYTHON CLIENT NEEDS PYTHON 3.10 TO 3.13 WITH VENV, ON LINUX (X86-64) OR MACOS (ARM64): NOT FOUND ***'
	missing="$missing python"
fi

if [ "$missing" = 'cargo python' ]; then
	exit 0
fi
# Most of the time is waiting for the originals: more tests at a time than cores.
exec "${GO:-go}" test -tags interop -count=1 -timeout=15m -parallel=4 ./interop "$@"
