package muxio

import (
	"slices"
	"testing"
)

// Ids begin again after the last, but for those that are in use.
func TestIdsBeginAgain(t *testing.T) {
	for role, half := range map[Role]uint32{Initiator: 0, Responder: responderBit} {
		t.Run(roleNames[role], func(t *testing.T) {
			ta, tb := Pipe()
			s := newEnd(t, ta, role, Limits{}, false)
			newEnd(t, tb, 1-role, Limits{}, false)
			unfinished := s.OpenStream(Normal)
			if err := unfinished.Send(t.Context(), Body{Bytes: []byte("x")}); err != nil {
				t.Fatal(err)
			}
			held := s.NextID()
			s.HoldID(held)
			for rounds := range uint64(3) {
				s.opened.Store((rounds+1)<<31 - 3) // two before the last id, which is none
				var got []uint32
				for range 4 {
					got = append(got, s.NextID())
				}
				if want := []uint32{half | 0x7ffffffd, half | 0x7ffffffe, half | 2, half | 3}; !slices.Equal(got, want) {
					t.Errorf("ids are %#x, want %#x", got, want)
				}
			}
			s.ReleaseID(held)
			unfinished.Cancel(0)
			s.opened.Store(1 << 31)
			if a, b := s.NextID(), s.NextID(); a != half || b != half+1 {
				t.Errorf("ids are %#x and %#x", a, b)
			}
		})
	}
}
