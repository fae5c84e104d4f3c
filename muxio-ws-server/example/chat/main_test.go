package main

import (
	"bufio"
	"context"
	"io"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guest is a client under test: lines go in, lines come out.
type guest struct {
	in   *io.PipeWriter
	out  *bufio.Scanner
	done chan error
}

func enter(t *testing.T, url, name string) *guest {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	g := &guest{in: inW, out: bufio.NewScanner(outR), done: make(chan error, 1)}
	go func() { // ends when the input is closed; waited for by leave
		g.done <- chat(context.Background(), url, name, inR, outW)
		_ = outW.Close()
	}()
	return g
}

func (g *guest) wantLine(t *testing.T, want string) {
	t.Helper()
	if !g.out.Scan() || g.out.Text() != want {
		t.Fatalf("heard %q, want %q", g.out.Text(), want)
	}
}

func (g *guest) leave(t *testing.T) {
	t.Helper()
	_ = g.in.Close()
	if err := <-g.done; err != nil {
		t.Error(err)
	}
}

func TestLinesReachTheOthers(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	urls, served := make(chan string, 1), make(chan error, 1)
	go func() { served <- serve(ctx, "127.0.0.1:0", func(url string) { urls <- url }) }() // ends with ctx; waited for below
	url := <-urls
	ada := enter(t, url, "ada")
	ada.wantLine(t, "ada joins")
	bob := enter(t, url, "bob")
	bob.wantLine(t, "bob joins")
	ada.wantLine(t, "bob joins")
	if _, err := io.WriteString(ada.in, "hello\n"); err != nil {
		t.Fatal(err)
	}
	bob.wantLine(t, "ada: hello")
	if _, err := io.WriteString(bob.in, "hello, ada\n"); err != nil {
		t.Fatal(err)
	}
	ada.wantLine(t, "bob: hello, ada")
	bob.leave(t)
	ada.wantLine(t, "bob leaves")
	ada.leave(t)
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
