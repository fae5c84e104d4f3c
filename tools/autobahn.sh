#!/bin/sh
# Runs the Autobahn test suite for WebSocket against both ends of a connection.
# `make autobahn` calls it. The suite runs on Python 2.7 only; it is installed
# once, from PyPI, into a folder outside of the tree.
set -eu

go=${GO:-go}
python=
for p in python2.7 "$HOME"/.pyenv/versions/2.7.*/bin/python; do
	if command -v "$p" >/dev/null 2>&1; then
		python=$(command -v "$p")
	fi
done
if [ -z "$python" ]; then
	echo '*** SKIPPED: THE AUTOBAHN SUITE NEEDS PYTHON 2.7, AND THERE IS NONE ***'
	exit 0
fi
lib=${XDG_CACHE_HOME:-$HOME/.cache}/muxio-autobahn/lib
if [ ! -d "$lib/autobahntestsuite" ]; then
	mkdir -p "$lib"
	"$python" -m pip install -q --disable-pip-version-check --no-warn-script-location --target "$lib" 'autobahntestsuite==25.10.1'
fi
"$go" test -count=1 -tags autobahn -timeout 10m -v -run Autobahn ./muxio/wsconn \
	-autobahn.python "$python" -autobahn.lib "$lib"
