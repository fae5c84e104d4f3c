package driveclient

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// errNoEnd reports a server that does not keep to the contract.
var errNoEnd = rpc.Errorf(rpc.Internal, "the last item of the backup is not at its end")

// Position is a place in a drive up to which a backup was made. It names the drive
// too: one of another drive, or of before its last compaction, is refused. The zero
// Position is the beginning of every drive. Its text form, "OFFSET-PRINT", is that of
// the engine.
type Position struct {
	Offset int64  // in the file, in bytes
	Print  uint64 // tells the drive from others; 0 at offset 0
}

// IsZero tells whether p is the beginning.
func (p Position) IsZero() bool { return p == Position{} }

// String returns the text form.
func (p Position) String() string { return fmt.Sprintf("%d-%016x", p.Offset, p.Print) }

// MarshalText implements encoding.TextMarshaler.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Position) UnmarshalText(text []byte) error {
	offset, digits, _ := strings.Cut(string(text), "-")
	at, err := strconv.ParseInt(offset, 10, 64)
	sum, sumErr := strconv.ParseUint(digits, 16, 64)
	if err != nil || sumErr != nil || at < 0 || len(digits) != 16 {
		return fmt.Errorf("driveclient: %q is no position; want OFFSET-PRINT as a backup returned it", text)
	}
	*p = Position{Offset: at, Print: sum}
	return nil
}

// SnapshotOptions sets up a backup.
type SnapshotOptions struct {
	// Since is where the backup before this one ended: what Snapshot returned
	// then. Only what came after it is sent, as an incremental backup. Zero is a
	// full backup.
	Since Position
	// BytesPerSecond limits how fast the server reads its file; 0 is no limit.
	BytesPerSecond int64
}

// Snapshot writes a consistent copy of the drive to w, as it is when the call
// begins, while the server goes on with everything, and returns up to where it
// reaches. The bytes of a full backup are a drive; a drive is made of it and of the
// increments that follow by the engine's Restore, or by "drive NEWFILE restore".
// With any error what was written is a part and of no use.
//
// It fails with [ErrPositionUnknown] when the drive does not hold
// SnapshotOptions.Since (any more), with [ErrCorrupt] for damage, and with the error
// of w, wrapped.
func (c *Client) Snapshot(ctx context.Context, w io.Writer, opts SnapshotOptions) (Position, error) {
	const op = "snapshot"
	stream, err := caller.OpenServerStream(ctx, c.conn, driveservice.Backup, driveservice.BackupRequest{
		Since:          driveservice.Position{Offset: uint64(opts.Since.Offset), Print: opts.Since.Print},
		BytesPerSecond: uint64(max(opts.BytesPerSecond, 0)),
	})
	if err != nil {
		return Position{}, c.failed(op, err)
	}
	var end Position
	ended := false
	for item, err := range stream.All() {
		if err == nil && ended {
			err = errNoEnd
		}
		if err == nil {
			err = writeAll(w, item.Bytes)
		}
		if err != nil {
			return Position{}, c.failed(op, err)
		}
		end, ended = Position{Offset: signed(item.End.Offset), Print: item.End.Print}, item.Last
	}
	if !ended {
		return Position{}, c.failed(op, errNoEnd)
	}
	return end, nil
}

// writeAll writes p, unless it is empty.
func writeAll(w io.Writer, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}
