package crashfs

import "golang.org/x/sys/unix"

// mapNoReserve keeps a reservation from being counted as memory in use.
const mapNoReserve = unix.MAP_NORESERVE
