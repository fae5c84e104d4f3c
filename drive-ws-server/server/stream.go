package server

import (
	"context"
	"errors"
	"hash/crc32"
	"io"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// streamRead sends a value, or a range of it. A whole value is verified on the way:
// each chunk when it has been copied, so that its bytes pass the processor once.
func (s *service) streamRead(_ context.Context, r driveservice.StreamReadRequest, out *endpoint.Sender[[]byte]) error {
	e, err := s.store.FindHash(hashOf(r.Key))
	if err != nil {
		return err
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
	whole := length == size
	var sum uint32 // CRC-32/IEEE of what was sent
	send := func(chunk []byte) error {
		if whole {
			sum = crc32.Update(sum, crc32.IEEETable, chunk)
		}
		return out.Send(chunk)
	}
	err = copying(send, func(w copier) error {
		// WriteTo turns a fault of the mapping into an error and keeps it alive.
		_, err := e.NewReader().WriteTo(&section{w: w, skip: r.Offset, left: length})
		return err
	})
	if err != nil && !errors.Is(err, errSectionWritten) {
		return err
	}
	if whole && sum != e.Checksum() {
		return &drive.CorruptError{Path: s.store.Path(), Offset: e.Offset(), Reason: "checksum does not match"}
	}
	return nil
}

// errSectionWritten stops the walk over a value of which a section was asked for.
var errSectionWritten = errors.New("server: the section has been written")

// section passes on left bytes of what is written to it, after skip bytes.
type section struct {
	w    io.Writer
	skip uint64
	left uint64
}

// Write implements [io.Writer].
func (s *section) Write(p []byte) (int, error) {
	n := len(p)
	skipped := min(s.skip, uint64(len(p)))
	s.skip -= skipped
	p = p[skipped:]
	p = p[:min(uint64(len(p)), s.left)]
	s.left -= uint64(len(p))
	if _, err := s.w.Write(p); err != nil {
		return 0, err
	}
	if s.left == 0 {
		return n, errSectionWritten
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
	values  []byte // those in records, unless it was moved while it grew
	size    int64  // of the encoded page, at most
}

// add appends the record of e, with a verified copy of its value if that has at most
// limit bytes and e is no tombstone.
func (p *pager) add(e drive.Entry, live bool, limit int64) error {
	record := driveservice.EntryRecord{
		Offset: uint64(e.Offset()), Size: uint64(e.Size()), KeyHash: e.KeyHash(), PrevOffset: uint64(e.PrevOffset()),
		Checksum: e.Checksum(), Tombstone: e.IsTombstone(), Live: live,
	}
	if e.Size() <= limit && !record.Tombstone {
		begin := len(p.values)
		var err error
		if p.values, err = e.AppendTo(p.values); err != nil {
			return err
		}
		record.Value = p.values[begin:len(p.values):len(p.values)]
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
	err := p.out.Send(driveservice.EntryPage{Records: p.records})
	p.records, p.values, p.size = p.records[:0], p.values[:0], 0
	return err
}
