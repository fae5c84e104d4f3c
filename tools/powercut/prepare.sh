#!/bin/sh
# Installs what the power cuts need and this machine lacks, with apt-get, where that
# is permitted. Never fails: the tests themselves say what is missing, and are
# skipped. `make powercut` calls it.
set -u

command -v mkfs.ext4 >/dev/null 2>&1 && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo '*** mkfs.ext4 is missing, and cannot be installed here: needs root and apt-get (package e2fsprogs) ***'
	exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get install -y -qq e2fsprogs || { apt-get update -qq && apt-get install -y -qq e2fsprogs; }; } >/dev/null; then
	echo '*** mkfs.ext4 is missing, and apt-get could not install e2fsprogs ***'
fi
exit 0
