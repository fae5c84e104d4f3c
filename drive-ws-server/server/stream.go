package server

import (
	"context"
	"errors"
	"hash/crc32"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// streamRead sends a value, or a range of it, from where it lies. A whole value
// is verified on the way: each chunk when it is about to be sent, so that its
// bytes pass the processor once.
func (s *service) streamRead(_ context.Context, r driveservice.StreamReadRequest, out *endpoint.Sender[[]byte]) error {
	e, ok := s.store.ReadHash(hashOf(r.Key))
	if !ok {
		return drive.ErrNotFound
	}
	size := uint64(e.Size())
	if r.Offset > size {
		return driveservice.NewError(driveservice.ReasonOutOfRange,
			rpc.Errorf(rpc.OutOfRange, "offset %d in a value of %d bytes", r.Offset, size).Message)
	}
	length := size - r.Offset
	if r.Length > 0 {
		length = min(length, r.Length)
	}
	w := &chunkWriter{out: out, skip: r.Offset, left: length, whole: length == size}
	// WriteTo turns a fault of the mapping into an error and keeps it alive.
	if _, err := e.NewReader().WriteTo(w); err != nil && !errors.Is(err, errRangeSent) {
		return err
	}
	if w.whole && w.sum != e.Checksum() {
		return e.Verify() // names the place
	}
	return nil
}

// errRangeSent stops the walk over a value whose range has been sent.
var errRangeSent = errors.New("server: range has been sent")

// chunkWriter sends what is written to it in chunks, by reference: after skip
// bytes, and left bytes of the rest.
type chunkWriter struct {
	out   *endpoint.Sender[[]byte]
	skip  uint64
	left  uint64
	whole bool   // compute sum
	sum   uint32 // CRC-32/IEEE of what was sent
}

// Write implements [io.Writer].
func (w *chunkWriter) Write(p []byte) (int, error) {
	n := len(p)
	skipped := min(w.skip, uint64(len(p)))
	w.skip -= skipped
	p = p[skipped:]
	p = p[:min(uint64(len(p)), w.left)]
	w.left -= uint64(len(p))
	for len(p) > 0 {
		chunk := p[:min(len(p), chunkBytes)]
		p = p[len(chunk):]
		if w.whole {
			w.sum = crc32.Update(w.sum, crc32.IEEETable, chunk)
		}
		if err := w.out.Send(chunk); err != nil {
			return 0, err
		}
	}
	if w.left == 0 && !w.whole {
		return n, errRangeSent
	}
	return n, nil
}

// streamWrite stores what the client sends. The engine sees the end of the
// bytes only when the client ended the stream in good order; a call that is
// given up, and a connection that is lost, are an error of the reader.
func (s *service) streamWrite(_ context.Context, r driveservice.KeyRequest, in *endpoint.Receiver[[]byte]) (driveservice.TailResponse, error) {
	return tail(s.store.WriteFromHash(hashOf(r.Key), endpoint.NewReader(in)))
}

// streamEntries lists entries in pages.
func (s *service) streamEntries(ctx context.Context, r driveservice.EntriesRequest, out *endpoint.Sender[driveservice.EntryPage]) error {
	order, err := orderOf(r.Order, drive.NewestFirst)
	if err != nil {
		return err
	}
	entries := s.store.Entries
	if r.All {
		entries = s.store.History
	}
	limit := int64(min(r.ValueLimit, driveservice.MaxEntryValue))
	p := pager{out: out}
	for e, err := range entries(order) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = p.add(e, !r.All || s.store.IsLive(e), limit)
		}
		if err != nil {
			return err
		}
	}
	return p.flush()
}

// pager gathers records and sends them when a page is full.
type pager struct {
	out     *endpoint.Sender[driveservice.EntryPage]
	records []driveservice.EntryRecord
	owners  []drive.Entry // of the values in records
	size    int64         // of the encoded page, at most
}

// add appends the record of e, with its verified value if that has at most limit
// bytes and e is no tombstone.
func (p *pager) add(e drive.Entry, live bool, limit int64) error {
	record := driveservice.EntryRecord{
		Offset: uint64(e.Offset()), Size: uint64(e.Size()), KeyHash: e.KeyHash(), PrevOffset: uint64(e.PrevOffset()),
		Checksum: e.Checksum(), Tombstone: e.IsTombstone(), Live: live,
	}
	if e.Size() <= limit && !record.Tombstone {
		if err := e.Verify(); err != nil {
			return err
		}
		record.Value = e.Bytes()
		p.owners = append(p.owners, e)
	}
	p.records = append(p.records, record)
	p.size += recordFixedBytes + int64(len(record.Value))
	if len(p.records) == driveservice.MaxPageRecords || p.size >= driveservice.PageBytes {
		return p.flush()
	}
	return nil
}

// flush sends the records gathered, if any.
func (p *pager) flush() error {
	if len(p.records) == 0 {
		return nil
	}
	err := p.out.Send(driveservice.EntryPage{Records: p.records, Owner: p.owners})
	clear(p.owners)
	p.records, p.owners, p.size = p.records[:0], p.owners[:0], 0
	return err
}
