#!/bin/sh
# Carries calls between this repository and the original programs, unmodified: their
# clients against our server, and the same scenarios against their servers. `make
# interop` calls it. cargo builds the Rust programs once, pip installs the Python
# client once, all into the user's cache.
# Usage: sh tools/interop.sh [flags of go test]
set -eu
cd "$(dirname "$0")/.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/drive-interop

# server VERSION installs the original server and prints its path.
server() {
	root=$cache/ws-server-$1
	if [ ! -x "$root/bin/simd-r-drive-ws-server" ]; then
		cargo install simd-r-drive-ws-server --version "$1" --locked --root "$root" >&2
	fi
	echo "$root/bin/simd-r-drive-ws-server"
}

missing=
if command -v cargo >/dev/null 2>&1; then
	server017=$(server 0.17.5-alpha)
	server011=$(server 0.11.0-alpha)
	CARGO_TARGET_DIR=$cache/rust-client cargo build --quiet --release --locked --manifest-path interop/rust/Cargo.toml
	set -- -interop.rust-client="$cache/rust-client/release/interop-rust" \
		-interop.server-0.17="$server017" -interop.server-0.11="$server011" "$@"
else
	echo '*** SKIPPED: THE ORIGINAL RUST CLIENT AND SERVERS NEED CARGO, WHICH WAS NOT FOUND ***'
	missing=cargo
fi

venv=$cache/python-client-0.11.1a0
if ! "$venv/bin/python" -c 'import simd_r_drive_ws_client' 2>/dev/null; then
	python=
	for p in python3.13 python3.12 python3.11 python3.10 "$HOME"/.pyenv/versions/3.1[0-3].*/bin/python; do
		if "$p" -c 'import ensurepip, venv' 2>/dev/null; then
			python=$p
			break
		fi
	done
	if [ -n "$python" ]; then
		"$python" -m venv --clear "$venv"
		"$venv/bin/python" -m pip install -q --disable-pip-version-check -r interop/python/requirements.txt
	fi
fi
if [ -x "$venv/bin/python" ]; then
	set -- -interop.python="$venv/bin/python" "$@"
else
	echo '*** SKIPPED: THE ORIGINAL PYTHON CLIENT NEEDS PYTHON 3.10 TO 3.13 WITH VENV, WHICH WAS NOT FOUND ***'
	missing="$missing python"
fi

if [ "$missing" = 'cargo python' ]; then
	exit 0
fi
# Most of the time is waiting for the originals: more tests at a time than cores.
exec "${GO:-go}" test -tags interop -count=1 -timeout=15m -parallel=4 ./interop "$@"
