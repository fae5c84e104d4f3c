package main

import (
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"
)

const program = "drive-ws-server"

// config is the command line.
type config struct {
	Storage string `arg:"" help:"File that holds the drive; created if it does not exist."`

	Host string `default:"127.0.0.1" help:"Host name or address to listen on."`
	Port int    `default:"34129" help:"TCP port to listen on; 0 picks a free one."`

	ReadOnly bool `help:"Open the file read-only and refuse every write."`

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
	if cfg.MaxConnections < 0 {
		return config{}, fmt.Errorf("--max-connections: %d is negative", cfg.MaxConnections)
	}
	if cfg.ShutdownGrace < 0 {
		return config{}, fmt.Errorf("--shutdown-grace: %v is negative", cfg.ShutdownGrace)
	}
	return cfg, nil
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
