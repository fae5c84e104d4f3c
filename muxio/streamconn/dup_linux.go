package streamconn

import "syscall"

// duplicate makes the descriptor to one of from.
func duplicate(from, to int) error { return syscall.Dup3(from, to, 0) }
