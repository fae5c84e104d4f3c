package streamconn_test

import (
	"context"
	"fmt"
	"net"

	"github.com/simd-drive/go/muxio"
	"github.com/simd-drive/go/muxio/streamconn"
)

// A server on a TCP port returns each stream to its sender. A Unix socket
// differs in the call of Listen and Dial only.
func Example() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()
	go func() { // ends with the one connection that it accepts
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if s, err := serveEcho(streamconn.New(conn, streamconn.Config{}), muxio.Responder); err == nil {
			<-s.Done()
			_ = s.Close(muxio.CloseReason{Code: muxio.CloseNormal})
		}
	}()

	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	back := make(chan []byte, 1)
	session, err := muxio.NewSession(streamconn.New(conn, streamconn.Config{}), muxio.Config{
		Role:   muxio.Initiator,
		Accept: func(r *muxio.RecvStream) muxio.Receiver { return &collector{stream: r, done: back} },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = session.OpenStream(muxio.Normal).Send(context.Background(), muxio.Body{Bytes: []byte("hello"), End: true})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%s\n", <-back)
	_ = session.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	// Output: hello
}
