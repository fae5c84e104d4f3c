//go:build linux

package powercut

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// workFlag is the flag by which this program is told to be a workload.
const workFlag = "powercut.work"

// runWorkload runs a workload on a disk with the content base, in a process of its
// own that is killed at the end, and returns what happened. dir is an empty
// directory; calls is how many each writer makes.
func runWorkload(ctx context.Context, dir string, base *image, m mode, around conditions, round int, seed uint64, calls int) (*history, error) {
	pos, err := newPosition()
	if err != nil {
		return nil, err
	}
	s, err := startSession(dir, base, around, pos)
	if err != nil {
		return nil, errors.Join(err, pos.close())
	}
	h := &history{mode: m, round: round}
	for w := range m.writers {
		h.plans = append(h.plans, newPlan(seed, writerID{round, w}, m.weights, calls))
		h.calls = append(h.calls, nil)
	}
	err = h.runProcess(ctx, s, pos, workload{
		Path: filepath.Join(s.mount, driveName), Mode: m.name, Sync: m.sync, Seed: seed, Round: round, Calls: calls, Busy: around == busy,
	})
	var stopErr error
	h.result, stopErr = s.stop()
	return h, errors.Join(err, stopErr, pos.close())
}

// runProcess runs the workload until it has made all its calls, and kills it.
func (h *history) runProcess(ctx context.Context, s *session, pos *position, w workload) error {
	spec, err := json.Marshal(w)
	if err != nil {
		return err
	}
	events, out, err := os.Pipe()
	if err != nil {
		return err
	}
	defer events.Close() //nolint:errcheck // only read
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-"+workFlag+"="+string(spec))
	cmd.ExtraFiles = []*os.File{eventsFD - 3: out, positionFD - 3: pos.file}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	waits, err := cmd.StdinPipe() // open until the process is killed
	if err != nil {
		return errors.Join(err, out.Close())
	}
	err = cmd.Start()
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	done, err := h.readEvents(events)
	if done {
		s.recorder.stop() // the power is off
	}
	kill()
	waitErr := cmd.Wait()
	if err == nil && !done {
		err = fmt.Errorf("workload: %w", waitErr)
	}
	return errors.Join(err, ignoreClosed(waits.Close()))
}

// ignoreClosed drops the error of closing what is closed.
func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// work is the program that runs a workload; spec comes from runWorkload. It waits for
// the end of wait, or to be killed.
func work(spec string, wait io.Reader) error {
	var w workload
	if err := json.Unmarshal([]byte(spec), &w); err != nil {
		return err
	}
	return w.run(wait)
}
