package muxio

// batch is what one transport message is made of: copied bytes, and slices
// that are borrowed from senders until the message is written.
type batch struct {
	copied   []byte
	borrowed []borrow
	bytes    int           // copied and borrowed
	parts    []*SendStream // whose bodies are borrowed from
}

// borrow is a sender's slice that stands in front of copied[at:].
type borrow struct {
	at int
	p  []byte
}

// pieces appends the batch's bytes in order.
func (b *batch) pieces(dst [][]byte) [][]byte {
	from := 0
	for _, r := range b.borrowed {
		if r.at > from {
			dst = append(dst, b.copied[from:r.at])
			from = r.at
		}
		dst = append(dst, r.p)
	}
	if from < len(b.copied) {
		dst = append(dst, b.copied[from:])
	}
	return dst
}

// reset empties the batch and lets go of borrowed memory. A buffer that a
// burst made large is not kept.
func (b *batch) reset(keepBytes int) {
	if cap(b.copied) > keepBytes {
		b.copied = nil
	}
	clear(b.borrowed)
	clear(b.parts)
	*b = batch{copied: b.copied[:0], borrowed: b.borrowed[:0], parts: b.parts[:0]}
}
