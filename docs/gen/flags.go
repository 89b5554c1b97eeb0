package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

var errNoFlags = errors.New("the help lists no flags")

// flagsOf returns the flags of a program in cmd/, as its help prints them.
func flagsOf(program string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		help, err := exec.CommandContext(ctx, "go", "run", "./cmd/"+program, "--help").Output() //nolint:gosec // A folder in cmd/.
		if err != nil {
			return "", fmt.Errorf("running %s: %w", program, err)
		}
		_, flags, ok := strings.Cut(string(help), "Flags:\n")
		if !ok {
			return "", errNoFlags
		}
		return "```text\n" + strings.TrimRight(flags, "\n") + "\n```\n", nil
	}
}
