package drive

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// KeyHash returns the hash that stands for key in a file: XXH3-64, seed 0. The
// methods of Store whose names end in Hash take it. Two keys with one hash are
// one key: keys themselves are not stored.
func KeyHash(key []byte) uint64 { return xxh3.Hash(key) }

// NamespaceHasher makes keys that live in a namespace of their own: equal keys
// of two namespaces do not meet. It is a small value, safe for concurrent use.
type NamespaceHasher struct{ prefix uint64 }

// NewNamespaceHasher returns the hasher of namespace ns, which may be empty.
func NewNamespaceHasher(ns []byte) NamespaceHasher {
	return NamespaceHasher{prefix: xxh3.Hash(ns)}
}

// Key returns the key to store under: the hash of the namespace and the hash of
// key, 8 bytes each, little-endian.
func (h NamespaceHasher) Key(key []byte) [16]byte {
	var k [16]byte
	binary.LittleEndian.PutUint64(k[:8], h.prefix)
	binary.LittleEndian.PutUint64(k[8:], xxh3.Hash(key))
	return k
}
