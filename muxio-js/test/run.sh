#!/bin/sh
# Runs every test of this package: in Node, against the peer in Go, and in headless
# Chromium, which is installed when it is missing and this is a Debian with root.
# Needs Node from 20 on and Go. Ends with the status of the tests.
set -eu
cd "$(dirname "$0")/.."

has() { command -v "$1" >/dev/null 2>&1; }

if ! has node; then
	echo '*** FAILED: there is no Node ***' >&2
	exit 1
fi
if ! has "${CHROMIUM:-chromium}" && ! has chromium-browser && ! has google-chrome; then
	if [ "$(id -u)" = 0 ] && has apt-get && apt-get update -qq &&
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; then
		MUXIO_JS_NEED_BROWSER=1
		export MUXIO_JS_NEED_BROWSER
	else
		echo '*** SKIPPED: CHROMIUM CANNOT BE INSTALLED HERE, THE BROWSER IS NOT TESTED ***' >&2
	fi
fi
if has "${TSC:-tsc}"; then
	"${TSC:-tsc}" --noEmit --strict --target es2022 --module nodenext --lib es2022,dom,dom.iterable index.d.ts test/types.mts
else
	echo '*** SKIPPED: THERE IS NO tsc, index.d.ts IS NOT COMPILED (TSC names one) ***' >&2
fi
(cd test/peer && GOWORK=off "${GO:-go}" vet -buildvcs=false ./...)
node --test --test-reporter=spec test/unit/*.test.js test/e2e/*.test.js
