package streamconn

import "fmt"

// Stdio returns the transport over the standard input and output of this
// process, the other end of which [Command] has. It is for one call per process,
// at its beginning.
//
// On Unix systems the transport takes the two streams over: the standard input
// is empty from then on, and what the program prints to [os.Stdout] goes to the
// standard error, so that it cannot break the frames. Elsewhere the program must
// not use them.
func Stdio(cfg Config) (*Transport, error) {
	in, out, err := takeStdio()
	if err != nil {
		return nil, fmt.Errorf("streamconn: taking over the standard streams: %w", err)
	}
	return New(&duplex{in: in, out: out}, cfg), nil
}
