package muxio_test

import (
	"context"
	"fmt"

	"github.com/simd-drive/go/muxio"
)

// printer receives one stream and reports its text.
type printer struct {
	stream  *muxio.RecvStream
	text    []byte
	arrived chan<- string
}

func (p *printer) Data(b []byte) {
	p.text = append(p.text, b...)
	p.stream.Grant(len(b))
}

func (p *printer) End() {
	p.stream.Release()
	p.arrived <- string(p.text)
}

func (p *printer) Cancel(cause error) { p.arrived <- "cancelled: " + cause.Error() }

// One end opens a stream, the other prints what arrives on it.
func Example() {
	ctx := context.Background()
	a, b := muxio.Pipe()
	arrived := make(chan string, 1)
	accept := func(s *muxio.RecvStream) muxio.Receiver { return &printer{stream: s, arrived: arrived} }
	server, err := muxio.NewSession(b, muxio.Config{Role: muxio.Responder, Accept: accept})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := muxio.NewSession(a, muxio.Config{Role: muxio.Initiator, Accept: accept})
	if err != nil {
		fmt.Println(err)
		return
	}

	stream := client.OpenStream(muxio.Normal)
	err = stream.Send(ctx, muxio.Body{Bytes: []byte("hello"), End: true})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-arrived)

	_ = client.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	_ = server.Close(muxio.CloseReason{Code: muxio.CloseNormal})
	// Output: hello
}
