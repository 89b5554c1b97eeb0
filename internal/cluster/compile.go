package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Compilation is one run of go build.
type Compilation struct {
	Step         string // what Progress is told is being done
	Dir, Package string // the module's folder, and the package in it
	LinkerFlags  string
	Out          string // the binary
}

// Run compiles, telling progress each package.
func (c Compilation) Run(ctx context.Context, progress Progress) error {
	progress.say(c.Step, "")
	cmd := c.command(ctx)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("%s: %w: put go on the PATH", c.Step, ErrNoGo)
		}
		return fmt.Errorf("%s: %w", c.Step, err)
	}
	said := follow(stderr, func(detail string) { progress.say(c.Step, detail) })
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", c.Step, failedBuild(ctx, err, said))
	}
	return nil
}

// command drops the binary's symbols, which are half of it.
func (c Compilation) command(ctx context.Context) *exec.Cmd {
	cmd := command(ctx, "go", "build", "-v", "-ldflags=-s -w"+c.LinkerFlags, "-o", c.Out, c.Package)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.SysProcAttr = apart()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // It removes its own work files.
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// follow counts the packages that go build names as it compiles them, and returns
// whatever else it says.
func follow(output io.Reader, tell func(detail string)) string {
	var said strings.Builder
	packages := 0
	for lines := bufio.NewScanner(output); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			tell(line[len("go: "):])
		case strings.Contains(line, " "):
			said.WriteString(line + "\n")
		default:
			packages++
			tell(fmt.Sprintf("%d packages, now %s", packages, line))
		}
	}
	return said.String()
}

// failedBuild says why, if it can be known: the user stopped it, the disk, the compiler.
func failedBuild(ctx context.Context, exit error, said string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if fault := diagnose(said); fault != nil {
		return fault
	}
	return fmt.Errorf("%w:\n%s", exit, tail(said))
}
