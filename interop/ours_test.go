//go:build interop

package interop

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/simd-drive/go/drive-ws-client"
)

// What our own client and command do with servers of the original.

// TestProtocolIsFoundOut holds what is spoken with each server, and that a server which
// does not understand is noticed when the connection is opened.
func TestProtocolIsFoundOut(t *testing.T) {
	for _, tt := range []struct {
		server   serverProgram
		asked    driveclient.Protocol
		original bool
		noAnswer bool
	}{
		{ourServer, driveclient.Negotiated, false, false},
		{server017, driveclient.Negotiated, true, false},
		{server011, driveclient.Negotiated, false, true},
		{server011, driveclient.Original21, true, false},
		{server017, driveclient.Original21, false, true},
	} {
		t.Run(tt.server.name+"/"+tt.asked.String(), func(t *testing.T) {
			t.Parallel()
			skipUnless(t, nil, tt.server)
			s := tt.server.start(t, newFile(t))
			c, err := driveclient.Dial(t.Context(), "ws://"+s.address, driveclient.Options{Protocol: tt.asked})
			if tt.noAnswer {
				if !errors.Is(err, driveclient.ErrNoAnswer) {
					t.Errorf("dialed with %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if c.IsOriginal() != tt.original {
				t.Errorf("the original protocol: %t", c.IsOriginal())
			}
		})
	}
}

// TestErrorsOfTheOriginal holds that our client tells failures of an original server by
// its own errors, and what such a server cannot do at once.
func TestErrorsOfTheOriginal(t *testing.T) {
	for _, tt := range []struct {
		server   serverProgram
		protocol driveclient.Protocol
	}{{server017, driveclient.Original13}, {server011, driveclient.Original21}, {ourServer, driveclient.Original13}} {
		t.Run(tt.server.name, func(t *testing.T) {
			t.Parallel()
			skipUnless(t, nil, tt.server)
			s := tt.server.start(t, newFile(t))
			ctx := t.Context()
			c, err := driveclient.Dial(ctx, "ws://"+s.address, driveclient.Options{Protocol: tt.protocol})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			key := []byte("key")
			for name, call := range map[string]struct {
				do   func() error
				want error
			}{
				"missing":    {func() error { _, err := c.Get(ctx, key); return err }, driveclient.ErrNotFound},
				"empty":      {func() error { _, err := c.Write(ctx, key, nil); return err }, driveclient.ErrEmptyValue},
				"null":       {func() error { _, err := c.Write(ctx, key, []byte{0}); return err }, driveclient.ErrNullValue},
				"batch":      {func() error { _, err := c.WriteBatch(ctx, []driveclient.Item{{Key: key}}); return err }, driveclient.ErrEmptyValue},
				"hash":       {func() error { _, err := c.GetHash(ctx, 1); return err }, driveclient.ErrUnsupported},
				"rename":     {func() error { _, err := c.Rename(ctx, key, []byte("other")); return err }, driveclient.ErrUnsupported},
				"copy":       {func() error { _, err := c.Copy(ctx, key, []byte("other")); return err }, driveclient.ErrUnsupported},
				"metadata":   {func() error { _, err := c.Metadata(ctx, key); return err }, driveclient.ErrUnsupported},
				"statistics": {func() error { _, err := c.Stats(ctx); return err }, driveclient.ErrUnsupported},
				"deletions":  {func() error { _, err := c.DeleteBatch(ctx, [][]byte{key}); return err }, driveclient.ErrUnsupported},
				"sync":       {func() error { return c.Sync(ctx) }, driveclient.ErrUnsupported},
				"compaction": {func() error { _, err := c.Compact(ctx, driveclient.CompactOptions{}); return err }, driveclient.ErrUnsupported},
				"backup": {func() error {
					_, err := c.Snapshot(ctx, new(bytes.Buffer), driveclient.SnapshotOptions{})
					return err
				}, driveclient.ErrUnsupported},
				"entries": {func() error {
					for _, err := range c.Entries(ctx, driveclient.EntriesOptions{}) {
						return err
					}
					return nil
				}, driveclient.ErrUnsupported},
			} {
				if err := call.do(); !errors.Is(err, call.want) {
					t.Errorf("%s: %v, want %v", name, err, call.want)
				}
			}
		})
	}
}

// TestCommandWithOriginals runs the command drive with servers of the original.
func TestCommandWithOriginals(t *testing.T) {
	for _, tt := range []struct {
		server   serverProgram
		protocol string
	}{{server017, "negotiated"}, {server011, "original21"}, {ourServer, "original13"}} {
		t.Run(tt.server.name, func(t *testing.T) {
			t.Parallel()
			skipUnless(t, nil, tt.server)
			s := tt.server.start(t, newFile(t))
			drive := func(stdin string, args ...string) (stdout string, status int) {
				ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
				defer cancel()
				cmd := exec.CommandContext(ctx, ourCommandPath, append([]string{"--protocol", tt.protocol, "ws://" + s.address}, args...)...)
				cmd.Stdin = strings.NewReader(stdin)
				var out, errs bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &errs
				if err := cmd.Run(); err != nil {
					t.Logf("drive %q: %v: %s", args, err, errs.Bytes())
				}
				return out.String(), cmd.ProcessState.ExitCode()
			}
			large := string(random(1, 3<<20))
			for _, step := range []struct {
				args   []string
				stdin  string
				stdout string // "" is not compared
				status int
			}{
				{[]string{"write", "key", "value"}, "", "", 0},
				{[]string{"read", "key"}, "", "value", 0},
				{[]string{"write", "large"}, large, "", 0},
				{[]string{"read", "large"}, "", large, 0},
				{[]string{"exists", "key"}, "", "", 0},
				{[]string{"delete", "key"}, "", "", 0},
				{[]string{"exists", "key"}, "", "", 1},
				{[]string{"read", "key"}, "", "", 1},
				{[]string{"info"}, "", "", 0},
				{[]string{"metadata", "large"}, "", "", 1},
			} {
				out, status := drive(step.stdin, step.args...)
				if status != step.status || step.stdout != "" && out != step.stdout {
					t.Errorf("drive %q: status %d, want %d; %.100q", step.args, status, step.status, out)
				}
			}
		})
	}
}
