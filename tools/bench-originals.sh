#!/bin/sh
# Measures the original clients, unmodified, on the original server and on ours, which
# stands in .bin: docs/originals.md and .json. `make bench-originals` calls it.
# Usage: sh tools/bench-originals.sh [flags of originalsbench]
set -eu
cd "$(dirname "$0")/.."
. tools/originals.sh

if ! have_cargo; then
	echo '*** SKIPPED: NOTHING IS MEASURED, THE ORIGINAL RUST CLIENT AND SERVER NEED CARGO, WHICH WAS NOT FOUND ***'
	exit 0
fi
server=$(original_server 0.17.5-alpha)
client=$(original_rust_client)
python=$(original_python)
if [ -n "$python" ]; then
	set -- -python="$python" -python-original="$(original_server 0.11.0-alpha)" "$@"
else
	echo '*** SKIPPED: THE ORIGINAL PYTHON CLIENT NEEDS PYTHON 3.10 TO 3.13 WITH VENV, ON LINUX (X86-64) OR MACOS (ARM64): NOT FOUND ***'
fi
exec "${GO:-go}" run ./bench/cmd/originalsbench -original="$server" -ours=.bin/drive-ws-server \
	-rust-client="$client" -o docs/originals.md "$@"
