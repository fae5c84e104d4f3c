package muxio

// Role is one of the two ends of a session. Each end allocates stream ids from
// its own half of the id space, so that both may open streams at any time.
type Role uint8

const (
	// Initiator opened the connection; its ids have bit 31 clear.
	Initiator Role = iota
	// Responder accepted the connection; its ids have bit 31 set.
	Responder
)

// Limits bounds what a session holds in memory. A zero field takes its default.
type Limits struct{}
