#!/bin/sh
# The recorded run of the README: real files and a value of 1 GiB through a server
# that is killed and started again, and compacted by hand. Run from the root; prints
# what it does.
set -eu
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
go build -o "$work/drive-ws-server" ./drive-ws-server
go build -o "$work/drive" ./drive-cli
root=$(pwd)
cd "$work"
drive=./drive
at=ws://127.0.0.1:34129

start() {
	./drive-ws-server data.drive --compact-at 0 >ready 2>>log &
	server=$!
	until grep -q ws:// ready; do :; done
}
show() { printf '$ %s\n' "$1"; sh -c "$1"; }

mkdir files
git -C "$root" archive HEAD -- '*.go' '*.md' | tar -x -C files
head -c 5000000 /dev/urandom >files/random
head -c 3000000 /dev/zero >files/zeros
printf '$ drive-ws-server data.drive --compact-at 0 &\n'
start
cat ready
show "$drive $at import files -o json >keys; wc -l <keys"
show "head -c 1073741824 /dev/urandom | tee huge | $drive $at write huge"
show "grep VmHWM /proc/$server/status; grep RssAnon /proc/$server/status"
printf '$ kill -9 (the server); drive-ws-server data.drive --compact-at 0 &\n'
kill -9 "$server"
wait "$server" 2>/dev/null || true
: >ready
start
show "$drive $at info"
show "$drive $at read huge | cmp - huge && echo same"
show "$drive $at delete huge && $drive $at export out --keys keys >exported && diff -r files out && echo same"
show "$drive $at compact"
printf '$ kill -TERM (the server)\n'
kill -TERM "$server"
wait "$server" && echo "exit status $?"
show "$drive data.drive check"
