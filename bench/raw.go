package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// rawBytes is the size of a raw echo, as large as the payload of the calls that
// it stands beside.
const rawBytes = 32

// rawBufferBytes is the size of the buffers at both raw ends.
const rawBufferBytes = 64 << 10

// serveRawTCP echoes fixed-size records on each connection until it closes.
func serveRawTCP(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // the listener was closed with the process
		}
		go func() { // ends when the client closes its connection
			defer func() { _ = conn.Close() }() // nobody is left to tell
			r := bufio.NewReaderSize(conn, rawBufferBytes)
			w := bufio.NewWriterSize(conn, rawBufferBytes)
			record := make([]byte, rawBytes)
			for {
				if _, err := io.ReadFull(r, record); err != nil {
					return
				}
				_, _ = w.Write(record) // a failure shows in Flush
				if r.Buffered() < rawBytes {
					if err := w.Flush(); err != nil {
						return
					}
				}
			}
		}()
	}
}

// serveRawWebSocket echoes each message.
func serveRawWebSocket(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{ReadBufferSize: rawBufferBytes, WriteBufferSize: rawBufferBytes}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	defer func() { _ = conn.Close() }() // nobody is left to tell
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if err := conn.WriteMessage(kind, message); err != nil {
			return
		}
	}
}

// exchange sends one record or receives one.
type exchange struct {
	send    func() error
	receive func() error
}

func dialRawTCP(ctx context.Context, address string) (exchange, io.Closer, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return exchange{}, nil, err
	}
	r := bufio.NewReaderSize(conn, rawBufferBytes)
	out, in := make([]byte, rawBytes), make([]byte, rawBytes)
	return exchange{
		send:    func() error { _, err := conn.Write(out); return err },
		receive: func() error { _, err := io.ReadFull(r, in); return err },
	}, conn, nil
}

func dialRawWebSocket(ctx context.Context, url string) (exchange, io.Closer, error) {
	dialer := websocket.Dialer{ReadBufferSize: rawBufferBytes, WriteBufferSize: rawBufferBytes}
	conn, resp, err := dialer.DialContext(ctx, url, nil)
	if err != nil {
		return exchange{}, nil, err
	}
	_ = resp.Body.Close()
	out := make([]byte, rawBytes)
	return exchange{
		send:    func() error { return conn.WriteMessage(websocket.BinaryMessage, out) },
		receive: func() error { _, _, err := conn.ReadMessage(); return err },
	}, conn, nil
}

// pingPong keeps inFlight records under way on one connection for d: one
// goroutine sends, the caller's receives. With one record in flight both are
// the caller's.
func pingPong(_ context.Context, d time.Duration, inFlight int, e exchange) (sample, error) {
	start := time.Now()
	deadline := start.Add(d)
	total := 0
	if inFlight == 1 {
		for ; total%latencyEvery != 0 || time.Now().Before(deadline); total++ {
			if err := errors.Join(e.send(), e.receive()); err != nil {
				return sample{}, err
			}
		}
		return sample{perSecond: float64(total) / time.Since(start).Seconds()}, nil
	}
	room := make(chan struct{}, inFlight)   // one token a record that may be sent
	flying := make(chan struct{}, inFlight) // one token a record under way
	var sendErr error                       // set before flying is closed
	for range inFlight {
		room <- struct{}{}
	}
	go func() { // ends at the deadline or the first error; the close of flying tells
		defer close(flying)
		for time.Now().Before(deadline) {
			<-room
			if sendErr = e.send(); sendErr != nil {
				return
			}
			flying <- struct{}{}
		}
	}()
	var receiveErr error
	for range flying {
		if receiveErr == nil {
			receiveErr = e.receive()
			total++
		}
		room <- struct{}{}
	}
	return sample{perSecond: float64(total) / time.Since(start).Seconds()}, errors.Join(sendErr, receiveErr)
}
