package callertest

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"sync/atomic"
	"testing"
	"testing/iotest"

	caller "github.com/simd-drive/go/muxio-rpc-caller"
	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

var byteChecks = []check{
	{"Upload", checkUploadBytes},
	{"UploadOfAFailingReader", checkUploadOfFailingReader},
	{"UploadRefused", checkUploadRefused},
	{"WritesOfAnySize", checkWrites},
	{"Download", checkDownloadBytes},
	{"DownloadCutShort", checkDownloadCut},
	{"DownloadToAFailingWriter", checkDownloadToFailingWriter},
	{"DownloadInSmallReads", checkSmallReads},
}

// streamBytes is the length of the long byte streams of the suite.
const streamBytes = 32 << 20

// patternReader gives n bytes of a pattern without holding them, and counts
// what it gave.
type patternReader struct {
	left  int64
	given atomic.Int64
}

func (r *patternReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), r.left))
	for i := range p[:n] {
		p[i] = byte((r.given.Load() + int64(i)) % 251)
	}
	r.left -= int64(n)
	r.given.Add(int64(n))
	return n, nil
}

// patternSum is the checksum of the first n bytes that a patternReader gives.
func patternSum(n int64) uint32 {
	sum := crc32.NewIEEE()
	_, _ = io.Copy(sum, &patternReader{left: n}) // neither end can fail
	return sum.Sum32()
}

func checkUploadBytes(t *testing.T, connect Connect) {
	source := &patternReader{left: streamBytes}
	most := int64(0)
	handler := routes{}.stream(uploadMethod.Name(), func(_ context.Context, _ []byte, call rpc.ServerCall) error {
		sum, taken := crc32.NewIEEE(), int64(0)
		for {
			most = max(most, source.given.Load()-taken)
			item, err := call.Receive()
			if errors.Is(err, io.EOF) {
				return call.Send(rpc.Message{Bytes: append(number(int(taken)), number(int(sum.Sum32()))...)})
			}
			if err != nil {
				return err
			}
			_, _ = sum.Write(item) // a hash does not fail
			taken += int64(len(item))
		}
	})
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	up, err := caller.OpenClientStream(guard(t), c, uploadMethod, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := caller.Upload(up, source)
	if err != nil || len(got) != 16 {
		t.Fatalf("answer of %d bytes, error %v", len(got), err)
	}
	if n, sum := parseNumber(got), parseNumber(got[8:]); n != streamBytes || uint32(sum) != patternSum(streamBytes) {
		t.Errorf("%d bytes with checksum %#x arrived", n, sum)
	}
	if most > maxUnderWayBytes {
		t.Errorf("%d bytes were under way, want at most %d", most, maxUnderWayBytes)
	}
}

// storeUploads adds a handler that tells, for each upload, that it started and
// how it ended, and that answers whole ones with their size.
func (r routes) storeUploads(started chan<- struct{}, ended chan<- error) routes {
	return r.stream(uploadMethod.Name(), func(_ context.Context, _ []byte, call rpc.ServerCall) error {
		started <- struct{}{}
		for n := 0; ; {
			item, err := call.Receive()
			if errors.Is(err, io.EOF) {
				ended <- nil
				return call.Send(rpc.Message{Bytes: number(n)})
			}
			if err != nil {
				ended <- err
				return err
			}
			n += len(item)
		}
	})
}

func checkUploadOfFailingReader(t *testing.T, connect Connect) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho().storeUploads(started, ended)})
	for _, n := range []int64{0, 1, 1 << 20} {
		up, err := caller.OpenClientStream(guard(t), c, uploadMethod, nil)
		if err != nil {
			t.Fatal(err)
		}
		// A call cancelled before its handler runs would not show here.
		afterStart := readerFunc(func([]byte) (int, error) {
			await(t, started, "start of the handler")
			return 0, io.ErrNoProgress
		})
		broken := io.MultiReader(&patternReader{left: n}, afterStart)
		if _, err := caller.Upload(up, broken); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("error %v, want that of the reader", err)
		}
		wantCode(t, "the handler's Receive", await(t, ended, "end of the handler"), rpc.Canceled)
	}
	wantEcho(t, c)
}

func checkUploadRefused(t *testing.T, connect Connect) {
	want := rpc.Error{Code: rpc.ResourceExhausted, Reason: "suite.full", Message: "too much"}
	handler := routes{}.withEcho().stream(uploadMethod.Name(), func(_ context.Context, _ []byte, call rpc.ServerCall) error {
		if _, err := call.Receive(); err != nil {
			return err
		}
		return &want
	})
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	up, err := caller.OpenClientStream(guard(t), c, uploadMethod, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = caller.Upload(up, &patternReader{left: streamBytes})
	wantError(t, "Upload", err, want)

	up, err = caller.OpenClientStream(guard(t), c, uploadMethod, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := caller.NewWriter(up)
	if _, err := io.Copy(w, &patternReader{left: streamBytes}); !errors.Is(err, caller.ErrFinished) {
		wantError(t, "Copy", err, want)
	}
	_, err = w.Finish()
	wantError(t, "Finish", err, want)
	wantEcho(t, c)
}

func checkWrites(t *testing.T, connect Connect) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.storeUploads(started, ended)})
	up, err := caller.OpenClientStream(guard(t), c, uploadMethod, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := caller.NewWriter(up)
	defer w.Close()
	want := 0
	for _, n := range []int{0, 1, 100, rpc.StreamChunkBytes - 1, rpc.StreamChunkBytes, rpc.StreamChunkBytes + 1, 5 * rpc.StreamChunkBytes} {
		if got, err := w.Write(pattern(n, 1)); err != nil || got != n {
			t.Errorf("write of %d bytes: %d, %v", n, got, err)
		}
		want += n
	}
	if got, err := w.Finish(); err != nil || parseNumber(got) != want {
		t.Errorf("%d bytes arrived, want %d, error %v", parseNumber(got), want, err)
	}
}

// patternDownloads adds a handler that sends as many bytes as the request
// says, in odd pieces, then ends with end.
func (r routes) patternDownloads(source func(n int64) *patternReader, end error) routes {
	return r.stream(downloadMethod.Name(), func(_ context.Context, request []byte, call rpc.ServerCall) error {
		src, piece := source(int64(parseNumber(request))), make([]byte, 50_001)
		for {
			n, err := src.Read(piece)
			if errors.Is(err, io.EOF) {
				return end
			}
			if err := call.Send(rpc.Message{Bytes: piece[:n]}); err != nil {
				return err
			}
		}
	})
}

func newPattern(n int64) *patternReader { return &patternReader{left: n} }

func openReader(t *testing.T, c rpc.Invoker, n int) *caller.Reader {
	t.Helper()
	down, err := caller.OpenServerStream(guard(t), c, downloadMethod, number(n))
	if err != nil {
		t.Fatal(err)
	}
	r := caller.NewReader(down)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func checkDownloadBytes(t *testing.T, connect Connect) {
	var source atomic.Pointer[patternReader]
	handler := routes{}.patternDownloads(func(n int64) *patternReader {
		r := newPattern(n)
		source.Store(r)
		return r
	}, nil)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: handler})
	for _, n := range []int{0, 1, streamBytes} {
		r, sum := openReader(t, c, n), crc32.NewIEEE()
		taken, most := int64(0), int64(0)
		copied, err := io.Copy(writerFunc(func(p []byte) (int, error) {
			most = max(most, source.Load().given.Load()-taken)
			taken += int64(len(p))
			return sum.Write(p)
		}), r)
		if err != nil || copied != int64(n) || sum.Sum32() != patternSum(int64(n)) {
			t.Errorf("%d of %d bytes came, checksum %#x, error %v", copied, n, sum.Sum32(), err)
		}
		if most > maxUnderWayBytes {
			t.Errorf("%d bytes were under way, want at most %d", most, maxUnderWayBytes)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func checkDownloadCut(t *testing.T, connect Connect) {
	want := rpc.Error{Code: rpc.DataLoss, Message: "damaged"}
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.patternDownloads(newPattern, &want)})
	for _, n := range []int{0, 1, 1 << 20} {
		got, err := io.ReadAll(openReader(t, c, n))
		wantError(t, "ReadAll", err, want)
		if len(got) != n {
			t.Errorf("%d bytes came before the error, want %d", len(got), n)
		}
		var b bytes.Buffer
		_, err = openReader(t, c, n).WriteTo(&b)
		wantError(t, "WriteTo", err, want)
	}
}

func checkDownloadToFailingWriter(t *testing.T, connect Connect) {
	ended := make(chan error, 1)
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.withEcho().endlessDownloads(ended)})
	r := openReader(t, c, 0)
	n := 0
	_, err := r.WriteTo(writerFunc(func(p []byte) (int, error) {
		if n += len(p); n > 1<<20 {
			return 0, io.ErrShortBuffer
		}
		return len(p), nil
	}))
	if !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("error %v, want that of the writer", err)
	}
	_ = r.Close()
	wantCode(t, "the handler's Send", await(t, ended, "end of the handler"), rpc.Canceled)
	_, err = io.ReadAll(r)
	wantCode(t, "reading a closed Reader", err, rpc.Canceled)
	wantEcho(t, c)
}

func checkSmallReads(t *testing.T, connect Connect) {
	c, _, _ := connect(t, rpc.Config{}, rpc.Config{Handler: routes{}.patternDownloads(newPattern, nil)})
	const n = 150_000
	want, _ := io.ReadAll(newPattern(n))
	if err := iotest.TestReader(openReader(t, c, n), want); err != nil {
		t.Error(err)
	}
}
