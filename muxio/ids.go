package muxio

// NextID returns the id for a message that this end is going to send. Ids may
// be left unused. They begin again after 2^31, without those of streams of this end
// that are unfinished and those that are held.
func (s *Session) NextID() uint32 {
	for {
		n := s.opened.Add(1) - 1
		id := uint32(n) &^ responderBit
		if id == connectionID&^responderBit {
			continue
		}
		if s.role == Responder {
			id |= responderBit
		}
		if n < responderBit || s.out.isFree(id) {
			return id
		}
	}
}

// HoldID keeps [Session.NextID] from returning the id of a stream that this end has
// ended and on which the peer is going to work for long, until ReleaseID.
func (s *Session) HoldID(id uint32) {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	s.out.heldIDs[id] = struct{}{}
}

// ReleaseID takes back a HoldID.
func (s *Session) ReleaseID(id uint32) {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	delete(s.out.heldIDs, id)
}

// isFree tells whether no stream of this end needs the id.
func (q *outbound) isFree(id uint32) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, held := q.heldIDs[id]
	return !held && q.senders[id] == nil
}
