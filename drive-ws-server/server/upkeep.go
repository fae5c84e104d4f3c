package server

import (
	"context"

	"github.com/simd-drive/go/drive-core"
	"github.com/simd-drive/go/drive-service-definition"
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
	c, err := s.store.Compact(ctx, drive.CompactOptions{Order: order})
	return driveservice.CompactResponse{
		BytesBefore: uint64(c.SizeBefore), BytesAfter: uint64(c.SizeAfter), Entries: uint64(c.Entries),
	}, err
}
