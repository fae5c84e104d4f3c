package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Widths of a terminal in columns.
const (
	minProgressColumns = 40 // below this a bar would wrap; none is shown
	maxBarColumns      = 40
	barTextColumns     = 32 // description, percentage, rate and time around the bar
)

// progressInterval is the shortest time between two drawings of a bar.
const progressInterval = 100 * time.Millisecond

// progress shows how far a long verb has come: a bar on standard error when
// that is a terminal, nothing otherwise. Its methods are safe for concurrent
// use with each other, except finish.
type progress struct {
	bar *progressbar.ProgressBar // nil: nothing is shown
}

// newProgress starts a bar over total steps, or bytes; a negative total is
// unknown.
func newProgress(stderr io.Writer, label string, total int64, bytes bool) *progress {
	f, ok := stderr.(*os.File)
	if !ok || !isTerminal(f) {
		return &progress{}
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < minProgressColumns {
		return &progress{}
	}
	return &progress{bar: progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(stderr),
		progressbar.OptionSetDescription(label),
		progressbar.OptionSetWidth(max(1, min(maxBarColumns, columns-barTextColumns))),
		progressbar.OptionShowBytes(bytes),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionThrottle(progressInterval),
		progressbar.OptionClearOnFinish(),
	)}
}

// set tells that done of total steps are behind.
func (p *progress) set(done, total int64) {
	if p.bar == nil {
		return
	}
	if total > 0 && total != p.bar.GetMax64() {
		p.bar.ChangeMax64(total)
	}
	_ = p.bar.Set64(done) // a bar that cannot be drawn must not end the work
}

// add tells that n more steps are behind.
func (p *progress) add(n int64) {
	if p.bar != nil {
		_ = p.bar.Add64(n)
	}
}

// pause clears the bar so that a line can be written; the next step redraws it.
func (p *progress) pause() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// finish removes the bar.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
		_ = p.bar.Exit()
	}
}
