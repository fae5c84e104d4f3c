package muxio

import "time"

// reading is where the read loop stands in the bytes of the peer. They are one
// sequence: messages of the transport, and the parts in which they come, may end
// anywhere.
type reading struct {
	layout Layout
	carry  []byte      // the beginning of a frame
	stream *RecvStream // of the frame whose payload is being delivered in parts
	left   int         // bytes of that payload still to come

	messages bool // some have come whole since this was looked at
}

// readMessages reads until the transport or the peer's conduct ends it.
func (s *Session) readMessages() error {
	for {
		b, err := s.transport.ReadMessage()
		if err != nil {
			return err
		}
		s.out.cork()
		err = s.take(b)
		s.uncork()
		if err != nil {
			return err
		}
		if s.reading.messages {
			s.reading.messages = false
			s.shared.Store(time.Now().UnixNano())
		}
		if s.acknowledger != nil && s.unfinished > 0 {
			s.acknowledger.Acknowledge()
		}
	}
}

// sharedFor is for how long a message counts as a sign that more will come.
const sharedFor = time.Second

// isShared tells whether small messages come on the connection, beside streams.
func (s *Session) isShared() bool { return time.Now().UnixNano()-s.shared.Load() < int64(sharedFor) }

// take deals with the next bytes of the peer.
func (s *Session) take(b []byte) error {
	in := &s.reading
	for len(b) > 0 {
		var err error
		switch {
		case in.layout == LayoutOriginal:
			b, err = s.recognise(b)
		case in.left > 0:
			b, err = s.continuePayload(b)
		case len(in.carry) > 0:
			b, err = s.takeCarried(b)
		default:
			b, err = s.takeFrame(b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recognise finds out the layout of the peer. It returns the bytes to go on with: all that
// have come, or none when they do not tell yet.
func (s *Session) recognise(b []byte) ([]byte, error) {
	in := &s.reading
	if len(in.carry) > 0 {
		in.carry = append(in.carry, b...)
		b = in.carry
	}
	layout, ok, err := recogniseLayout(b, s.limits.MaxFrameBytes)
	if err != nil {
		return nil, err
	}
	if !ok {
		if len(in.carry) == 0 {
			in.carry = append(in.carry, b...)
		}
		return nil, nil
	}
	in.layout, in.carry = layout, nil
	s.out.setLayout(layout)
	return b, nil
}

// takeFrame deals with the frame with which b begins and returns what follows it.
func (s *Session) takeFrame(b []byte) ([]byte, error) {
	f, rest, ok, err := s.reading.layout.Parse(b, s.limits.MaxFrameBytes)
	if err != nil {
		return nil, err
	}
	if ok {
		return s.dispatch(f, rest)
	}
	if begun, err := s.beginPayload(b); begun || err != nil {
		return nil, err
	}
	s.reading.carry = append(s.reading.carry[:0], b...)
	return nil, nil
}

// takeCarried completes the frame whose beginning was kept with the first bytes of
// b, deals with it, and returns what follows.
func (s *Session) takeCarried(b []byte) ([]byte, error) {
	in := &s.reading
	need := s.reading.layout.HeaderBytes()
	if len(in.carry) >= need {
		_, payload := s.reading.layout.parseHeader(in.carry)
		need += payload
	}
	n := min(need-len(in.carry), len(b))
	in.carry = append(in.carry, b[:n]...)
	b = b[n:]
	f, _, ok, err := s.reading.layout.Parse(in.carry, s.limits.MaxFrameBytes)
	if err != nil {
		return nil, err
	}
	if ok {
		b, err = s.dispatch(f, b)
	} else if ok, err = s.beginPayload(in.carry); !ok {
		return b, err
	}
	in.carry = in.carry[:0]
	if cap(in.carry) > keptCarryBytes {
		in.carry = nil
	}
	return b, err
}

const (
	// partBytes is the least payload that is delivered before all of it is
	// there: that saves a copy, but takes more steps.
	partBytes = 4 << 10
	// keptCarryBytes is the largest buffer that is kept for the beginnings of
	// frames.
	keptCarryBytes = 16 << 10
)

// beginPayload delivers what is there of the payload of a frame that has not come
// as a whole, if its stream can take it. b begins with the frame.
func (s *Session) beginPayload(b []byte) (bool, error) {
	header := s.reading.layout.HeaderBytes()
	if len(b) < header {
		return false, nil
	}
	f, n := s.reading.layout.parseHeader(b)
	if n < partBytes || f.Kind > Data || !s.isIncoming(f) {
		return false, nil
	}
	if err := s.checkFrame(f); err != nil {
		return false, err
	}
	r := s.receiverOf(f.Stream)
	if r == nil {
		r = s.accept(f.Stream)
	}
	if r.ended.Load() || f.Seq != r.next {
		return false, nil // held as a whole, or an error
	}
	part := b[header:len(b):len(b)]
	s.reading.stream, s.reading.left = r, n-len(part)
	return true, r.payload(part)
}

// continuePayload delivers the next part and returns what follows it.
func (s *Session) continuePayload(b []byte) ([]byte, error) {
	in := &s.reading
	n := min(in.left, len(b))
	r := in.stream
	in.left -= n
	if err := r.payload(b[:n:n]); err != nil {
		return nil, err
	}
	if in.left == 0 {
		in.stream = nil
		r.next++
		if err := r.deliverAhead(); err != nil {
			return nil, err
		}
	}
	return b[n:], nil
}
