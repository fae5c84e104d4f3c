package driveclient

import (
	"bytes"
	"context"
	"hash/crc32"
	"iter"

	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// errWrongCount reports a server that does not keep to the contract.
var errWrongCount = rpc.Errorf(rpc.Internal, "server answered a different number of values")

// Order is the order of entries in a listing or in a compacted file.
type Order = driveservice.Order

// The orders of entries.
const (
	// DefaultOrder is newest first in listings and file order in compaction.
	DefaultOrder = driveservice.OrderDefault
	// NewestFirst is from the end of the file to its start.
	NewestFirst = driveservice.OrderNewestFirst
	// FileOrder is from the start of the file to its end.
	FileOrder = driveservice.OrderFile
)

// MaxEntryValue is the largest value in bytes that a listing can carry.
const MaxEntryValue = driveservice.MaxEntryValue

// EntriesOptions selects what [Client.Entries] lists.
type EntriesOptions struct {
	Order Order
	// All asks for superseded entries and tombstones too.
	All bool
	// ValueLimit asks for the values of at most so many bytes; it is lowered
	// to [MaxEntryValue]. 0 asks for none.
	ValueLimit int
}

// Entry is one entry of a listing.
type Entry struct {
	Metadata

	Tombstone bool
	// Live is set for the entry that its key stands for.
	Live bool
	// Value is nil if it was not asked for, over the limit, or for a
	// tombstone. Else it is verified against its checksum.
	Value []byte
}

// Entries lists the entries that the file has when the server begins to answer:
// those of live keys or, with All, each one. A failure comes as the last pair.
// Leaving the loop early cancels the call. Other calls may be made inside the
// loop.
func (c *Client) Entries(ctx context.Context, opts EntriesOptions) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		const op = "entries"
		stream, err := caller.OpenServerStream(ctx, c.conn, driveservice.StreamEntries, driveservice.EntriesRequest{
			Order: opts.Order, All: opts.All, ValueLimit: uint64(max(opts.ValueLimit, 0)),
		})
		if err != nil {
			yield(Entry{}, c.failed(op, err))
			return
		}
		for page, err := range stream.All() {
			if err != nil {
				yield(Entry{}, c.failed(op, err))
				return
			}
			for i := range page.Records {
				e, err := c.entry(&page.Records[i])
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// entry copies a record out of its page.
func (c *Client) entry(r *driveservice.EntryRecord) (Entry, error) {
	if len(r.Value) > 0 && crc32.ChecksumIEEE(r.Value) != r.Checksum {
		return Entry{}, c.refused("entries", driveservice.ReasonCorrupt, "value does not match its checksum")
	}
	return Entry{
		Metadata: Metadata{
			KeyHash: r.KeyHash, PrevOffset: signed(r.PrevOffset), Checksum: r.Checksum,
			Offset: signed(r.Offset), Size: signed(r.Size),
		},
		Tombstone: r.Tombstone, Live: r.Live, Value: bytes.Clone(r.Value),
	}, nil
}

// Len returns the number of live keys.
func (c *Client) Len(ctx context.Context) (int, error) {
	r, err := call(ctx, c, "len", driveservice.Len, struct{}{})
	return int(signed(r.Entries)), err
}

// IsEmpty reports whether there is no live key.
func (c *Client) IsEmpty(ctx context.Context) (bool, error) {
	r, err := call(ctx, c, "is empty", driveservice.IsEmpty, struct{}{})
	return r.Empty, err
}

// FileSize returns the size of the file in bytes.
func (c *Client) FileSize(ctx context.Context) (int64, error) {
	r, err := call(ctx, c, "file size", driveservice.FileSize, struct{}{})
	return signed(r.Bytes), err
}

// Sync returns once all that was acknowledged before is on stable storage.
func (c *Client) Sync(ctx context.Context) error {
	_, err := call(ctx, c, "sync", driveservice.Sync, struct{}{})
	return err
}

// Stats sums up the store. Sizes are in bytes.
type Stats struct {
	Entries      int64 // in the file, superseded ones and tombstones included
	LiveEntries  int64
	LiveBytes    int64 // of live values
	Tombstones   int64
	DeadBytes    int64 // of superseded entries and tombstones
	PaddingBytes int64
	FileBytes    int64
	IndexBytes   int64 // memory of the index
}

// Stats sums up the store.
func (c *Client) Stats(ctx context.Context) (Stats, error) {
	r, err := call(ctx, c, "stats", driveservice.Stats, driveservice.StatsRequest{})
	return Stats{
		Entries: signed(r.Entries), LiveEntries: signed(r.LiveEntries), LiveBytes: signed(r.LiveBytes),
		Tombstones: signed(r.Tombstones), DeadBytes: signed(r.DeadBytes), PaddingBytes: signed(r.PaddingBytes),
		FileBytes: signed(r.FileBytes), IndexBytes: signed(r.IndexBytes),
	}, err
}

// CompactionSavings returns how many bytes a compaction would save.
func (c *Client) CompactionSavings(ctx context.Context) (int64, error) {
	r, err := call(ctx, c, "compaction savings", driveservice.Stats, driveservice.StatsRequest{Savings: true})
	return signed(r.SavingsBytes), err
}

// CompactOptions sets up a compaction.
type CompactOptions struct {
	// Order is that of the entries in the new file.
	Order Order
	// BytesPerSecond limits how fast values are copied; 0 is no limit.
	BytesPerSecond int64
}

// CompactResult is the outcome of a compaction.
type CompactResult struct {
	BytesBefore int64 // size of the file
	BytesAfter  int64
	Entries     int64 // live ones, which were kept
}

// Saved returns by how many bytes the file has become smaller.
func (r CompactResult) Saved() int64 { return r.BytesBefore - r.BytesAfter }

// Compact rewrites the file without superseded entries and tombstones, while
// the server goes on answering, writes included. The end of ctx gives it up and
// leaves the file as it was. It fails with [ErrCompacting] while another one runs,
// which the server may have begun by itself.
func (c *Client) Compact(ctx context.Context, opts CompactOptions) (CompactResult, error) {
	r, err := call(ctx, c, "compact", driveservice.Compact, driveservice.CompactRequest{
		Order: opts.Order, BytesPerSecond: uint64(max(opts.BytesPerSecond, 0)),
	})
	return CompactResult{
		BytesBefore: signed(r.BytesBefore), BytesAfter: signed(r.BytesAfter), Entries: signed(r.Entries),
	}, err
}
