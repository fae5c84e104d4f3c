package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	rpc "github.com/simd-drive/go/muxio-rpc-service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a server over an empty directory.
func start(t *testing.T) (url, dir string) {
	t.Helper()
	dir = t.TempDir()
	ctx, stop := context.WithCancel(context.Background())
	urls, served := make(chan string, 1), make(chan error, 1)
	go func() { served <- serve(ctx, "127.0.0.1:0", dir, func(url string) { urls <- url }) }() // ends with ctx; waited for below
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return <-urls, dir
}

func TestThereAndBackAgain(t *testing.T) {
	url, dir := start(t)
	content := make([]byte, 3<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(content)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	var progress bytes.Buffer
	if err := transfer(t.Context(), url, "put", path, io.Discard, &progress); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(progress.String()), "\n")
	if len(lines) < 10 || lines[len(lines)-1] != fmt.Sprintf("%d bytes", len(content)) {
		t.Errorf("%d reports, the last one %q", len(lines), lines[len(lines)-1])
	}
	var back bytes.Buffer
	if err := transfer(t.Context(), url, "get", "file", &back, io.Discard); err != nil || !bytes.Equal(back.Bytes(), content) {
		t.Errorf("%d bytes came back, %v", back.Len(), err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("the server keeps %v, %v", list, err)
	}
}

func TestNamesStayInTheDirectory(t *testing.T) {
	url, _ := start(t)
	for _, name := range []string{"../main.go", "/etc/passwd", "missing"} {
		if err := transfer(t.Context(), url, "get", name, io.Discard, io.Discard); !errors.Is(err, rpc.NotFound) {
			t.Errorf("get %s: %v", name, err)
		}
	}
}
