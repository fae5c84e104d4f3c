package child

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Command carries out one command and returns what is to be answered.
type Command func(ctx context.Context, args []string) (any, error)

// TakeCommands answers the lines of in, each a command and its arguments, until it ends.
func TakeCommands(ctx context.Context, in io.Reader, out io.Writer, commands map[string]Command) error {
	answers := json.NewEncoder(out)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		run, known := commands[words[0]]
		if !known {
			run = func(context.Context, []string) (any, error) { return nil, fmt.Errorf("unknown command %q", words[0]) }
		}
		answer, err := run(ctx, words[1:])
		if err != nil {
			answer = greeting{Error: err.Error()}
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

// Greet sends the first line: the address of a serving process, or why there is none.
func Greet(out io.Writer, address string, err error) error {
	hello := greeting{Address: address}
	if err != nil {
		hello.Error = err.Error()
	}
	return json.NewEncoder(out).Encode(hello)
}
