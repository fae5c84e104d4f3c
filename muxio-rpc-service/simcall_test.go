package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// The methods of the simulation. Each request is an order, which says what the
// answering end has to do; all bytes follow from the seed in it.
const (
	simUnary    MethodID = 101
	simInline   MethodID = 102
	simUpload   MethodID = 103
	simDownload MethodID = 104
	simChat     MethodID = 105
	simUnknown  MethodID = 106
)

// order is a request of the simulation.
type order struct {
	Seed   uint64
	Size   uint32 // of the response or of each item, in bytes
	Filler uint32 // bytes of the request behind the order
	Items  uint32 // of each direction
	Slow   uint32 // microseconds that the answering end takes, for all items together
	Fail   Code   // with which the call fails in the end; 0 for none
	Back   uint8  // how many calls back nest
}

func (o order) encode() []byte {
	b, err := binary.Append(nil, binary.LittleEndian, o)
	if err != nil {
		panic(err)
	}
	return append(b, simBytes(o.Seed, int(o.Filler))...)
}

func parseOrder(b []byte) (o order, err error) {
	n, err := binary.Decode(b, binary.LittleEndian, &o)
	if err == nil && !bytes.Equal(b[n:], simBytes(o.Seed, int(o.Filler))) {
		err = Errorf(DataLoss, "request of order %d was changed", o.Seed)
	}
	return o, err
}

// simBytes returns n bytes that belong to one seed.
func simBytes(seed uint64, n int) []byte {
	b := make([]byte, (n+7)/8*8)
	for i := 0; i < len(b); i += 8 {
		seed = seed*6364136223846793005 + 1442695040888963407
		binary.LittleEndian.PutUint64(b[i:], seed)
	}
	return b[:n]
}

// item returns item i of one direction, 0 for the caller's.
func (o order) item(direction, i uint32) []byte {
	return simBytes(o.Seed+uint64(direction)<<40+uint64(i)+1, int(o.Size))
}

// response returns the response of a unary call.
func (o order) response() []byte { return simBytes(o.Seed+1<<50, int(o.Size)) }

// failure returns how the call ends.
func (o order) failure() error {
	if o.Fail == 0 {
		return nil
	}
	return &Error{Code: o.Fail, Reason: simReason, Message: fmt.Sprint("as ordered by ", o.Seed)}
}

const simReason = "sim.ordered"

// pause takes part of the time that the order says.
func (o order) pause(ctx context.Context, parts uint32) error {
	if o.Slow == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(time.Duration(o.Slow) * time.Microsecond / time.Duration(parts)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// simRoutes answers orders.
func simRoutes() routes {
	return routes{
		simUnary: {Name: "sim.unary", Unary: func(ctx context.Context, request, _ []byte) (Message, error) {
			o, err := parseOrder(request)
			if err == nil {
				err = o.pause(ctx, 1)
			}
			if err == nil && o.Back > 0 {
				err = callBack(ctx, o)
			}
			if err == nil {
				err = o.failure()
			}
			return Message{Bytes: o.response()[:o.Size/2], More: [][]byte{o.response()[o.Size/2:]}}, err
		}},
		simInline: {Name: "sim.inline", Inline: true, Unary: func(_ context.Context, request, _ []byte) (Message, error) {
			o, err := parseOrder(request)
			if err == nil {
				err = o.failure()
			}
			return Message{Bytes: o.response()}, err
		}},
		simUpload: {Name: "sim.upload", Stream: func(ctx context.Context, request []byte, call ServerCall) error {
			o, err := parseOrder(request)
			for i := uint32(0); err == nil; i++ {
				if err = takeItem(o, 0, i, call.Receive); errors.Is(err, io.EOF) && i == o.Items {
					return errors.Join(o.failure(), call.Send(Message{Bytes: o.response()}))
				}
				if err == nil {
					err = o.pause(ctx, max(o.Items, 1))
				}
			}
			return orCutShort(err)
		}},
		simDownload: {Name: "sim.download", Stream: func(ctx context.Context, request []byte, call ServerCall) error {
			o, err := parseOrder(request)
			for i := uint32(0); err == nil && i < o.Items; i++ {
				if err = o.pause(ctx, o.Items); err == nil {
					err = call.Send(Message{More: [][]byte{o.item(1, i)}})
				}
			}
			return errors.Join(err, o.failure())
		}},
		simChat: {Name: "sim.chat", Stream: func(ctx context.Context, request []byte, call ServerCall) error {
			o, err := parseOrder(request)
			for i := uint32(0); err == nil && i < o.Items; i++ {
				if err = takeItem(o, 0, i, call.Receive); err == nil {
					err = errors.Join(o.pause(ctx, o.Items), call.Send(Message{Bytes: o.item(1, i)}))
				}
			}
			return errors.Join(orCutShort(err), o.failure())
		}},
	}
}

// callBack makes a call to the caller, which may call back in turn.
func callBack(ctx context.Context, o order) error {
	peer, ok := PeerFrom(ctx)
	if !ok {
		return Errorf(Internal, "no peer")
	}
	o.Back--
	o.Fail = 0
	got, err := peer.Invoke(ctx, simUnary, Message{Bytes: o.encode()})
	if err == nil && !bytes.Equal(got, o.response()) {
		err = Errorf(DataLoss, "response to order %d was changed", o.Seed)
	}
	return err
}

// takeItem receives item i and compares it.
func takeItem(o order, direction, i uint32, receive func() ([]byte, error)) error {
	got, err := receive()
	if err != nil {
		return err
	}
	if !bytes.Equal(got, o.item(direction, i)) {
		return Errorf(DataLoss, "item %d of order %d has %d other bytes", i, o.Seed, len(got))
	}
	return nil
}

// orCutShort makes an end of items that came too early an error.
func orCutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return Errorf(DataLoss, "items are missing")
	}
	return err
}

// call makes the call that the order is for, and returns its outcome. An outcome with
// DataLoss and without simReason is a defect.
func (o order) call(ctx context.Context, c *Conn, method MethodID) error {
	if method == simUnary || method == simInline || method == simUnknown {
		got, err := c.Invoke(ctx, method, Message{Bytes: o.encode()})
		if err == nil && !bytes.Equal(got, o.response()) {
			err = Errorf(DataLoss, "response to order %d has %d other bytes", o.Seed, len(got))
		}
		return err
	}
	stream, err := c.OpenCall(ctx, method, Message{Bytes: o.encode()})
	if err != nil {
		return err
	}
	defer stream.Close()
	if method == simDownload {
		if err := stream.CloseSend(); err != nil {
			return err
		}
		return o.receiveItems(ctx, stream)
	}
	sent := make(chan error, 1)
	go func() { sent <- o.sendItems(stream) }() // ends with the call
	if method == simChat {
		err = o.receiveItems(ctx, stream)
	} else {
		err = o.receiveResponse(stream)
	}
	if err != nil {
		_ = stream.Close() // it may be that the items are not wanted any more
	}
	if sendErr := <-sent; err == nil && sendErr != nil {
		err = fmt.Errorf("a call that succeeds has a failed Send: %w", sendErr)
	}
	return err
}

func (o order) sendItems(stream ClientCall) error {
	for i := range o.Items {
		if err := stream.Send(Message{Bytes: o.item(0, i)}); err != nil {
			return err
		}
	}
	return stream.CloseSend()
}

func (o order) receiveItems(ctx context.Context, stream ClientCall) error {
	for i := uint32(0); ; i++ {
		err := takeItem(o, 1, i, stream.Receive)
		_ = o.pause(ctx, o.Items+1) // when it is cut short, the next Receive tells
		if errors.Is(err, io.EOF) {
			if i != o.Items {
				return Errorf(DataLoss, "order %d has %d items of %d", o.Seed, i, o.Items)
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (o order) receiveResponse(stream ClientCall) error {
	got, err := stream.Receive()
	if errors.Is(err, io.EOF) {
		return Errorf(DataLoss, "order %d has no response", o.Seed)
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(got, o.response()) {
		return Errorf(DataLoss, "response to order %d has %d other bytes", o.Seed, len(got))
	}
	if _, err = stream.Receive(); errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
