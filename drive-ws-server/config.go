package main

import (
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"

	"github.com/simd-drive/go/drive-core"
)

const program = "drive-ws-server"

// config is the command line.
type config struct {
	Storage string `arg:"" help:"File that holds the drive; created if it does not exist."`

	Host string `default:"127.0.0.1" help:"Host name or address to listen on."`
	Port int    `default:"34129" help:"TCP port to listen on; 0 picks a free one."`

	ReadOnly bool          `help:"Open the file read-only and refuse every write."`
	Follow   time.Duration `default:"1s" placeholder:"DURATION" help:"How often a read-only server looks for what another process has written; 0 is never (default 1s)."`

	Sync drive.SyncMode `default:"interval=1s" placeholder:"MODE" help:"When writes reach stable storage: always (before they are acknowledged), interval=DURATION (after so long at most), none (when the system likes) (default interval=1s)."`

	CompactAt   float64  `default:"0.5" placeholder:"RATIO" help:"Compact by itself when so much of the file, from 0 to 1, is superseded or deleted; 0 is never (default 0.5)."`
	CompactMin  byteSize `default:"64m" placeholder:"SIZE" help:"... and at least so much: bytes, or a number with k, m or g (default 64m)."`
	CompactRate byteSize `default:"0" placeholder:"SIZE" help:"Most that a compaction by itself copies in a second; 0 is no limit. Let it be more than what clients write."`

	ScrubEvery time.Duration `default:"24h" placeholder:"DURATION" help:"How often all checksums are verified in the background; damage goes to the log; 0 is never (default 24h)."`
	ScrubRate  byteSize      `default:"16m" placeholder:"SIZE" help:"Most that is verified in a second; 0 is no limit (default 16m)."`

	NativeOnly     bool          `help:"Refuse clients of the original protocol, written in Rust or Python."`
	MaxConnections int           `default:"0" placeholder:"N" help:"Refuse connections beyond N at a time; 0 is the built-in limit."`
	ShutdownGrace  time.Duration `default:"${grace}" placeholder:"DURATION" help:"How long calls in flight may take to finish after SIGTERM or SIGINT (default ${grace})."`
	LogLevel       slog.Level    `default:"info" placeholder:"LEVEL" help:"Least level that is logged: debug, info, warn or error (default info)."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

// parse reads the command line. It exits by itself for --help and --version.
func parse(args []string) (config, error) {
	var cfg config
	parser, err := kong.New(&cfg,
		kong.Name(program),
		kong.Description("Serves a drive file over WebSocket. The address is printed on standard output once the server is ready; "+
			"SIGTERM or SIGINT finishes the calls in flight and ends it, a second one ends it at once."),
		kong.Vars{"version": program + " " + version(), "grace": defaultGrace.String()},
	)
	if err != nil {
		return config{}, fmt.Errorf("command line: %w", err)
	}
	if _, err := parser.Parse(args); err != nil {
		return config{}, err
	}
	return cfg, cfg.check()
}

// check refuses values that make no sense.
func (c config) check() error {
	for _, f := range []struct {
		flag     string
		value    any
		negative bool
	}{
		{"max-connections", c.MaxConnections, c.MaxConnections < 0},
		{"shutdown-grace", c.ShutdownGrace, c.ShutdownGrace < 0},
		{"follow", c.Follow, c.Follow < 0},
		{"scrub-every", c.ScrubEvery, c.ScrubEvery < 0},
	} {
		if f.negative {
			return fmt.Errorf("--%s: %v is negative", f.flag, f.value)
		}
	}
	if !(c.CompactAt >= 0 && c.CompactAt <= 1) { // also what is not a number
		return fmt.Errorf("--compact-at: %v is not from 0 to 1", c.CompactAt)
	}
	return nil
}

// store returns how the drive is to be opened.
func (c config) store(log *slog.Logger) drive.Options {
	return drive.Options{
		ReadOnly: c.ReadOnly,
		Follow:   c.Follow,
		Sync:     c.Sync,
		AutoCompact: drive.AutoCompact{
			Ratio:          c.CompactAt,
			MinBytes:       max(int64(c.CompactMin), 1), // the engine takes 0 for its default
			BytesPerSecond: int64(c.CompactRate),
		},
		Scrub:  drive.ScrubSchedule{Every: c.ScrubEvery, BytesPerSecond: int64(c.ScrubRate)},
		Logger: log,
	}
}

// logger returns the program's log, structured text on w.
func (c config) logger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: c.LogLevel}))
}

// version returns the version that the program was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
