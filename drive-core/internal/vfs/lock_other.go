//go:build !windows && (!unix || solaris || illumos || aix)

package vfs

// Lock does nothing where there is no lock that belongs to an open file. There,
// it is the caller's duty to have one writer only.
func (o *osFile) Lock() error { return nil }

func (o *osFile) unlock() error { return nil }
