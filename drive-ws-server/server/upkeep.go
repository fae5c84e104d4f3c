package server

import (
	"context"
	"math"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-service-definition"
	"github.com/simd-drive/go/muxio-rpc-endpoint"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

// orderOf returns the engine's name of o.
func orderOf(o driveservice.Order, fallback drive.Order) (drive.Order, error) {
	switch o {
	case driveservice.OrderDefault:
		return fallback, nil
	case driveservice.OrderNewestFirst:
		return drive.NewestFirst, nil
	case driveservice.OrderFile:
		return drive.FileOrder, nil
	}
	return fallback, rpc.Errorf(rpc.InvalidArgument, "order %d is none", o)
}

func (s *service) stats(_ context.Context, r driveservice.StatsRequest) (driveservice.StatsResponse, error) {
	st, err := s.store.Stats()
	if err != nil {
		return driveservice.StatsResponse{}, err
	}
	var savings int64
	if r.Savings {
		if savings, err = s.store.CompactionSavings(); err != nil {
			return driveservice.StatsResponse{}, err
		}
	}
	return driveservice.StatsResponse{
		Entries: uint64(st.Entries), LiveEntries: uint64(st.LiveEntries), LiveBytes: uint64(st.LiveBytes),
		Tombstones: uint64(st.Tombstones), DeadBytes: uint64(st.DeadBytes), PaddingBytes: uint64(st.PaddingBytes),
		FileBytes: uint64(st.FileSize), IndexBytes: uint64(st.IndexBytes), SavingsBytes: uint64(savings),
	}, nil
}

func (s *service) compact(ctx context.Context, r driveservice.CompactRequest) (driveservice.CompactResponse, error) {
	order, err := orderOf(r.Order, drive.FileOrder)
	if err != nil {
		return driveservice.CompactResponse{}, err
	}
	c, err := s.store.Compact(ctx, drive.CompactOptions{Order: order, BytesPerSecond: signed(r.BytesPerSecond)})
	return driveservice.CompactResponse{
		BytesBefore: uint64(c.SizeBefore), BytesAfter: uint64(c.SizeAfter), Entries: uint64(c.Entries),
	}, err
}

// backup sends a snapshot, then up to where it reaches.
func (s *service) backup(ctx context.Context, r driveservice.BackupRequest, out *endpoint.Sender[driveservice.BackupItem]) error {
	opts := drive.SnapshotOptions{
		Since:          drive.Position{Offset: signed(r.Since.Offset), Print: r.Since.Print},
		BytesPerSecond: signed(r.BytesPerSecond),
	}
	send := func(chunk []byte) error { return out.Send(driveservice.BackupItem{Bytes: chunk}) }
	return copying(send, func(w copier) error {
		end, err := s.store.Snapshot(ctx, w, opts)
		if err != nil {
			return err
		}
		return out.Send(driveservice.BackupItem{
			Last: true, End: driveservice.Position{Offset: uint64(end.Offset), Print: end.Print},
		})
	})
}

// signed converts a number of a client; what the engine cannot count becomes the
// largest number.
func signed(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
