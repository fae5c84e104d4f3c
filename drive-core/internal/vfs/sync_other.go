//go:build !linux

package vfs

// Sync uses what the standard library knows to be right (F_FULLFSYNC on macOS).
func (o *osFile) Sync() error { return o.f.Sync() }
