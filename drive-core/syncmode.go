package drive

import (
	"fmt"
	"strings"
	"time"
)

// SyncMode says when what was written reaches stable storage, and so what a power
// loss may take. The end of the process takes nothing that was acknowledged, in
// any mode. The zero SyncMode is SyncInterval(DefaultSyncInterval).
//
// The text form, for flags and configuration files, is "always", "none",
// "interval" or "interval=DURATION".
type SyncMode int64

// The modes besides SyncInterval.
const (
	// SyncAlways acknowledges a write when it is on stable storage; only then it becomes visible. Writers that
	// wait at the same time share one sync; a lone writer waits for nobody.
	SyncAlways SyncMode = -1
	// SyncNone leaves the time to the operating system. Store.Sync, Store.Close, and the writing of an index
	// checkpoint still sync.
	SyncNone SyncMode = -2
)

// DefaultSyncInterval is the interval of the default mode.
const DefaultSyncInterval = time.Second

// SyncInterval syncs d after the first write that is not yet synced, in the
// background: a power loss takes at most the writes of the last d (and of the time
// that the sync itself takes). d of zero or less means DefaultSyncInterval.
func SyncInterval(d time.Duration) SyncMode {
	if d <= 0 {
		d = DefaultSyncInterval
	}
	return SyncMode(d)
}

// Interval returns the interval of a mode made by SyncInterval; 0 for the others.
func (m SyncMode) Interval() time.Duration {
	switch {
	case m == 0:
		return DefaultSyncInterval
	case m > 0:
		return time.Duration(m)
	default:
		return 0
	}
}

// String returns the text form.
func (m SyncMode) String() string {
	switch {
	case m == SyncAlways:
		return "always"
	case m == SyncNone:
		return "none"
	case m < 0:
		return fmt.Sprintf("SyncMode(%d)", int64(m))
	default:
		return "interval=" + m.Interval().String()
	}
}

// MarshalText implements encoding.TextMarshaler.
func (m SyncMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *SyncMode) UnmarshalText(text []byte) error {
	word, length, hasLength := strings.Cut(string(text), "=")
	switch {
	case word == "always" && !hasLength:
		*m = SyncAlways
	case word == "none" && !hasLength:
		*m = SyncNone
	case word == "interval" && !hasLength:
		*m = SyncInterval(0)
	case word == "interval":
		d, err := time.ParseDuration(length)
		if err != nil || d <= 0 {
			return fmt.Errorf("drive: sync mode %q: not a positive duration", text)
		}
		*m = SyncInterval(d)
	default:
		return fmt.Errorf("drive: sync mode %q: want always, interval=DURATION or none", text)
	}
	return nil
}
