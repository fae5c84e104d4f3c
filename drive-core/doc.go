// Package drive is a storage engine for binary values found by key: one file that
// is only appended to, mapped into memory, and read without copying. The file is
// byte for byte that of the Rust engine simd-r-drive.
//
// # Model
//
// A drive is a sequence of entries. A value's entry carries the hash of its key
// and a checksum; a deletion is an entry too. The newest entry of a key counts;
// what older ones take is freed by Store.Compact. Keys themselves are not stored:
// two keys with the same 64-bit hash (KeyHash) are one key, and keys cannot be
// listed. Each value begins at a multiple of 64, so that an entry takes at least 64
// bytes as a rule. Values are 1 byte long at least; a single zero byte stands for a
// deletion and cannot be stored. Files end below offset 2^48.
//
// # Concurrency
//
// A Store is safe for concurrent use. Reads take no lock: they look a key up in an
// index in memory and return an Entry over the mapping; neither a writer nor a
// compaction makes them wait. Writes wait for each other. One Store at a time, in
// all processes of a machine, can have a file open for writing (ErrLocked); any
// number can have it open with Options.ReadOnly, and see what is appended by
// Store.Refresh or Options.Follow.
//
// # Lifetimes
//
// An Entry, and what its Bytes method returned, stays valid while the Entry is
// reachable: also after the key is overwritten, the drive compacted, the Store
// closed. The memory is read-only. When a file is cut by somebody else, touching
// bytes that are gone raises a fault, which Store.Get, Store.View, the methods of
// Entry that return errors, and everything in this package that scans a file
// report as *CorruptError; only the slice of Entry.Bytes leaves the caller without
// this protection.
//
// # Guarantees
//
// What a method acknowledged survives the end of the process, however it ends, and a
// power loss as Options.Sync says: always, but for the last interval, or what the
// system had written back. Under SyncAlways a write becomes visible only when it is
// durable. After a failed write or sync the store takes no more writes
// (*FailedError); reopening finds the last good state.
//
// A batch, a deletion of many and a rename are found whole or not at all after the
// process is killed, and with SyncAlways after a power loss. A stream is stored when
// it is complete, or not at all.
//
// Opening never alters a file that is no drive. It cuts off only what a crash tore,
// and keeps what it cuts in a file beside the drive; damage elsewhere it refuses, or
// leaves to the reader of the value that is damaged. Compaction leaves the old file
// or the new one, whole. Checksums are verified by Get, Entry.Verify,
// Entry.AppendTo, Compact, Snapshot, Restore, Rename, CopyTo, MoveTo, Scrub and
// Check, by every recovery, and by Open for what is not known to be synced and for
// the newest values; by Read, Find and View with Options.VerifyReads.
//
// # Platforms
//
// Linux and macOS map a file once, beyond its end, and see appended bytes in the
// mapping. On Windows a mapping ends with the file and is made anew by the first
// read behind it; compaction fails there while the system refuses to replace a
// mapped file. Systems without flock or LockFileEx (Solaris, AIX, Plan 9) do not
// keep a second writer out.
package drive
