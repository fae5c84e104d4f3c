// Package muxio multiplexes many byte streams over one message transport.
package muxio
