package muxio

import (
	"encoding/binary"
	"fmt"
)

// connectionID stands as the stream of frames that concern the connection.
const connectionID = 1<<32 - 1

// protocolVersion is the version of the protocol that this package speaks.
const protocolVersion = 1

// Ids of settings on the wire. An unknown id is skipped unless bit 15 is set.
const (
	settingVersion      = 1
	settingStreamWindow = 2
	settingConnWindow   = 3
	settingFrame        = 4
	settingStreams      = 5

	settingCritical = 1 << 15
	settingBytes    = 10
	// maxSettings bounds the settings of one frame.
	maxSettings = 64
)

// settings is what one end tells the other at the start.
type settings struct {
	version      uint64
	streamWindow int64
	connWindow   int64
	frameBytes   int64
	streams      int64
}

// defaultSettings hold until the peer's have arrived.
var defaultSettings = settings{
	version: protocolVersion, streamWindow: InitialCredit, connWindow: InitialConnCredit, frameBytes: ChunkBytes, streams: MinStreams,
}

// settings returns what this end tells.
func (l Limits) settings() settings {
	return settings{
		version: protocolVersion, streamWindow: int64(l.StreamWindow), connWindow: int64(l.ConnWindow),
		frameBytes: int64(l.MaxFrameBytes), streams: int64(l.MaxStreams),
	}
}

// appendSettings appends the payload of a Settings frame.
func appendSettings(dst []byte, s settings) []byte {
	for _, f := range [...]struct {
		id    uint16
		value uint64
	}{
		{settingVersion, s.version},
		{settingStreamWindow, uint64(s.streamWindow)},
		{settingConnWindow, uint64(s.connWindow)},
		{settingFrame, uint64(s.frameBytes)},
		{settingStreams, uint64(s.streams)},
	} {
		dst = binary.LittleEndian.AppendUint16(dst, f.id)
		dst = binary.LittleEndian.AppendUint64(dst, f.value)
	}
	return dst
}

// parseSettings reads the payload of a Settings frame.
func parseSettings(b []byte) (settings, error) {
	s := defaultSettings
	if len(b)%settingBytes != 0 || len(b) > maxSettings*settingBytes {
		return s, violation(CloseProtocolError, "settings of %d bytes", len(b))
	}
	seen := map[uint16]bool{}
	for ; len(b) > 0; b = b[settingBytes:] {
		id, value := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint64(b[2:])
		if seen[id] {
			return s, violation(CloseProtocolError, "setting %d comes twice", id)
		}
		seen[id] = true
		if err := s.set(id, value); err != nil {
			return s, err
		}
	}
	return s, nil
}

// set takes one setting of the peer.
func (s *settings) set(id uint16, value uint64) error {
	field, least, most := (*int64)(nil), int64(0), int64(maxWindow)
	switch id {
	case settingVersion:
		if value < protocolVersion {
			return violation(CloseProtocolError, "version %d of the protocol", value)
		}
		s.version = min(value, protocolVersion)
		return nil
	case settingStreamWindow:
		field, least = &s.streamWindow, InitialCredit
	case settingConnWindow:
		field, least = &s.connWindow, InitialConnCredit
	case settingFrame:
		field, least = &s.frameBytes, ChunkBytes
	case settingStreams:
		field, least = &s.streams, MinStreams
	default:
		if id&settingCritical != 0 {
			return violation(CloseProtocolError, "unknown setting %d must be understood", id)
		}
		return nil
	}
	if value < uint64(least) {
		return violation(CloseProtocolError, "setting %d is %d, at least %d are promised", id, value, least)
	}
	*field = int64(min(value, uint64(most)))
	return nil
}

// String lists the settings, for logs.
func (s settings) String() string {
	return fmt.Sprintf("version %d, windows %d and %d, frames of %d, %d streams", s.version, s.streamWindow, s.connWindow, s.frameBytes, s.streams)
}
