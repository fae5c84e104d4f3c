package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/simd-drive/go/drive-ws-client"
)

// grammar is the whole command line: flags of every verb, then STORE, then the
// verb with its own arguments and flags.
type grammar struct {
	Help    helpFlag    `short:"h" help:"Show help for the program or a verb."`
	Version versionFlag `help:"Show the version."`
	Output  string      `short:"o" enum:"text,json" default:"text" placeholder:"FORMAT" help:"Format of the results: text or json (one object per line)."`
	Verbose bool        `short:"v" help:"Log what the store does to standard error."`
	Sync    bool        `help:"Wait for stable storage: after each change of a storage file, which else is synced at the end; at the end for a remote drive, which else syncs as its server was told."`
	Remote  remoteFlags `embed:"" group:"Remote stores"`
	Store   storeBranch `arg:"" help:"Storage file, or ws:// or wss:// address of a remote drive."`
}

// storeBranch is what follows STORE.
type storeBranch struct {
	Store rawString `arg:"" name:"store"`

	Read     readCmd     `cmd:"" help:"Write the value of a key to standard output."`
	Write    writeCmd    `cmd:"" help:"Store a value, given as argument or on standard input."`
	Delete   deleteCmd   `cmd:"" help:"Delete a key."`
	Exists   existsCmd   `cmd:"" help:"Tell whether a key exists (exit status 0 or 1)."`
	Rename   renameCmd   `cmd:"" help:"Move a value to another key of the same store."`
	Copy     copyCmd     `cmd:"" help:"Copy an entry to another store, or to another key."`
	Move     moveCmd     `cmd:"" help:"Move an entry to another store."`
	Info     infoCmd     `cmd:"" help:"Show size and number of entries."`
	Metadata metadataCmd `cmd:"" help:"Show what is stored about a key."`
	Entries  entriesCmd  `cmd:"" help:"List the entries in file order, superseded and deleted ones too."`
	Import   importCmd   `cmd:"" help:"Store every file below a directory under its relative path."`
	Export   exportCmd   `cmd:"" help:"Write every live value to a file of its own."`
	Check    checkCmd    `cmd:"" help:"Verify everything, change nothing."`
	Recover  recoverCmd  `cmd:"" help:"Write a repaired copy of a damaged storage file."`
	Backup   backupCmd   `cmd:"" help:"Write a consistent copy of a store in use, or what came since an earlier one."`
	Restore  restoreCmd  `cmd:"" help:"Make a storage file from a backup and its increments."`
	Compact  compactCmd  `cmd:"" help:"Rewrite the store without superseded and deleted entries."`
	Bench    benchCmd    `cmd:"" help:"Measure writes and reads."`
}

// remoteFlags say how to reach a store behind an address.
type remoteFlags struct {
	Timeout  time.Duration        `default:"10s" placeholder:"DURATION" help:"Longest wait for a connection."`
	Protocol driveclient.Protocol `default:"negotiated" placeholder:"NAME" help:"What to speak: negotiated (native, else original13), native, original13 (as servers in Rust do since 0.17), original21 (before)."`
	Token    string               `env:"DRIVE_TOKEN" placeholder:"TOKEN" help:"Bearer token (better in the environment, as $$DRIVE_TOKEN)."`
	CA       rawString            `name:"ca" placeholder:"FILE" help:"PEM file of the authorities to trust instead of the system's."`
	Cert     rawString            `and:"clientcert" placeholder:"FILE" help:"PEM file of the client certificate."`
	CertKey  rawString            `and:"clientcert" placeholder:"FILE" help:"PEM file of the client certificate's key."`
}

// rawString is an argument taken byte for byte. Kong passes its own strings
// through JSON, which changes bytes that are not UTF-8; keys and paths may hold
// any.
type rawString string

// Decode implements kong.MapperValue.
func (r *rawString) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("string")
	*r = rawString(token.String())
	return err
}

// errShown ends a run whose only purpose was to print help or the version.
var errShown = errors.New("shown")

type helpFlag bool

// BeforeReset prints the help of the selected verb.
func (helpFlag) BeforeReset(ctx *kong.Context) error {
	if err := ctx.PrintUsage(false); err != nil {
		return err
	}
	return errShown
}

type versionFlag bool

// BeforeReset prints the version that the module was built as.
func (versionFlag) BeforeReset(ctx *kong.Context) error {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	if _, err := fmt.Fprintf(ctx.Stdout, "drive %s\n", version); err != nil {
		return err
	}
	return errShown
}

// parse reads the command line; help and version go to stdout. Every error is a
// usageError, except errShown.
func parse(args []string, stdout, stderr io.Writer) (*grammar, *kong.Context, error) {
	var cli grammar
	parser, err := kong.New(&cli,
		kong.Name("drive"),
		kong.Description("drive STORE VERB ... reads, writes and looks after a drive: a storage file, or a remote one at a "+
			"server's ws:// or wss:// address.\n\nAfter -- every argument is taken as it is, also one that starts with a dash."),
		kong.NoDefaultHelp(),
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return nil, nil, err
	}
	kctx, err := parser.Parse(args)
	if errors.Is(err, errShown) {
		return nil, nil, errShown
	}
	if err == nil {
		err = refuseRepeatedFlags(kctx)
	}
	if err != nil {
		return nil, nil, usageError{plainUsage(err)}
	}
	return &cli, kctx, nil
}

// missingValue is what kong says of a flag at the end of the line that wants a
// value.
var missingValue = regexp.MustCompile(`expected .* value but got "EOL" \(<EOL>\)`)

// plainUsage puts errors of kong into words for people who never saw a parser.
func plainUsage(err error) error {
	text := missingValue.ReplaceAllString(err.Error(), "a value is missing")
	return errors.New(strings.TrimPrefix(text, "<store> "))
}

// refuseRepeatedFlags returns an error for a flag that was given twice, of
// which kong would silently take the last.
func refuseRepeatedFlags(kctx *kong.Context) error {
	seen := map[string]bool{}
	for _, p := range kctx.Path {
		if p.Flag == nil {
			continue
		}
		if seen[p.Flag.Name] {
			return fmt.Errorf("flag --%s given twice", p.Flag.Name)
		}
		seen[p.Flag.Name] = true
	}
	return nil
}
