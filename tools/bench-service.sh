#!/bin/sh
# Measures the service, our server in .bin, beside the original and Redis:
# docs/service.md, .json and plots. `make bench-service` calls it.
# Usage: sh tools/bench-service.sh [flags of servicebench report]
set -eu
cd "$(dirname "$0")/.."
. tools/originals.sh

# install_redis installs Debian's Redis: into the system as root, else into the user's
# cache, and tells why it cannot.
install_redis() {
	if ! command -v apt-get >/dev/null; then
		echo 'Redis is not installed, and there is no apt-get to get it with' >&2
		return 1
	fi
	if [ "$(id -u)" = 0 ]; then
		apt-get install -qq --no-install-recommends redis-server >&2
		return
	fi
	mkdir -p "$redis_cache" && (
		cd "$redis_cache" &&
			apt-get download -qq redis-server redis-tools libjemalloc2 liblzf1 &&
			for package in *.deb; do dpkg -x "$package" .; done && rm ./*.deb
	) >&2
}

redis_cache=${XDG_CACHE_HOME:-$HOME/.cache}/drive-bench/redis
PATH=$PATH:$redis_cache/usr/bin
if ! command -v redis-server >/dev/null && ! install_redis; then
	echo '*** SKIPPED: REDIS IS NOT MEASURED, IT COULD NOT BE INSTALLED: SEE ABOVE ***'
fi
for libraries in "$redis_cache"/usr/lib/*/; do # of what was unpacked there, if anything
	export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
done
if have_cargo; then
	set -- -original="$(original_server 0.17.5-alpha)" -rust-client="$(original_rust_client)" "$@"
else
	echo '*** SKIPPED: THE ORIGINAL RUST CLIENT AND SERVER ARE NOT MEASURED, THEY NEED CARGO, WHICH WAS NOT FOUND ***'
fi
exec "${GO:-go}" run ./bench/cmd/servicebench report -o docs/service.md \
	-redis="$(command -v redis-server || true)" "$@"
