package rpc

import "github.com/zeebo/xxh3"

// MethodID names a method on the wire: XXH3-64 (seed 0) of the method's name.
type MethodID uint64

// MethodIDOf returns the id of the method with the given name.
func MethodIDOf(name string) MethodID { return MethodID(xxh3.HashString(name)) }
