# Installs the original programs into the user's cache, once, and tells where they
# are. Other scripts read it with `.` from the root of the repository. Each function
# prints a path; cargo and pip print to standard error.

originals=${XDG_CACHE_HOME:-$HOME/.cache}/drive-interop

# have_cargo tells whether what is written in Rust can be installed.
have_cargo() { command -v cargo >/dev/null 2>&1; }

# original_server VERSION installs the original server.
original_server() {
	root=$originals/ws-server-$1
	if [ ! -x "$root/bin/simd-r-drive-ws-server" ]; then
		cargo install simd-r-drive-ws-server --version "$1" --locked --root "$root" >&2
	fi
	echo "$root/bin/simd-r-drive-ws-server"
}

# original_rust_client builds the program around the original Rust client.
original_rust_client() {
	CARGO_TARGET_DIR=$originals/rust-client cargo build --quiet --release --locked --manifest-path interop/rust/Cargo.toml >&2
	echo "$originals/rust-client/release/interop-rust"
}

# original_python installs the original Python client and prints the path of a
# Python that has it, or nothing where there is no Python to install it with, or no
# wheel for the platform.
original_python() {
	case $(uname -sm) in
	'Linux x86_64' | 'Darwin arm64') ;;
	*) return 0 ;;
	esac
	venv=$originals/python-client-0.11.1a0
	if ! "$venv/bin/python" -c 'import simd_r_drive_ws_client' 2>/dev/null; then
		python=
		for p in python3.13 python3.12 python3.11 python3.10 "$HOME"/.pyenv/versions/3.1[0-3].*/bin/python; do
			if "$p" -c 'import ensurepip, venv' 2>/dev/null; then
				python=$p
				break
			fi
		done
		if [ -n "$python" ]; then
			"$python" -m venv --clear "$venv" >&2
			"$venv/bin/python" -m pip install -q --disable-pip-version-check -r interop/python/requirements.txt >&2
		fi
	fi
	if [ -x "$venv/bin/python" ]; then
		echo "$venv/bin/python"
	fi
}
