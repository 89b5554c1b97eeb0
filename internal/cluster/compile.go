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

// Progress receives the current step and its detail, which may change. A step lasts until
// the next one begins.
type Progress func(step, detail string)

func (p Progress) report(step, detail string) {
	if p != nil {
		p(step, detail)
	}
}

// Compilation is one run of go build.
type Compilation struct {
	Step         string // for Progress
	Dir, Package string // the module's folder and a package in it
	LinkerFlags  string
	ModFile      string // in place of the module's go.mod, or ""
	Out          string // path of the binary
}

// Run compiles and reports each package to progress.
func (c Compilation) Run(ctx context.Context, progress Progress) error {
	progress.report(c.Step, "")
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
	output := readBuildOutput(stderr, func(detail string) { progress.report(c.Step, detail) })
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", c.Step, buildError(ctx, err, output))
	}
	return nil
}

// command strips the symbols, which are half of the binary. Few compilations need more than a gigabyte: without
// garbage collection below that, they take three quarters of the CPU.
func (c Compilation) command(ctx context.Context) *exec.Cmd {
	cmd := command(ctx, "go", "build", "-v", "-modfile="+c.ModFile, "-ldflags=-s -w"+c.LinkerFlags, "-o", c.Out, c.Package)
	cmd.Dir = c.Dir
	cmd.Env = append([]string{"GOGC=off", "GOMEMLIMIT=1GiB"}, os.Environ()...) // The user's values are used, if there are any.
	cmd.Env = append(cmd.Env, "GOWORK=off")
	cmd.SysProcAttr = childAttributes()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // Lets go build remove its work files.
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// readBuildOutput reports the packages that `go build -v` lists, and returns all other output.
func readBuildOutput(stderr io.Reader, report func(detail string)) string {
	var other strings.Builder
	packages := 0
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			report(line[len("go: "):])
		case strings.Contains(line, " "):
			other.WriteString(line + "\n")
		default:
			packages++
			report(fmt.Sprintf("%d packages, now %s", packages, line))
		}
	}
	return other.String()
}

// buildError returns why a build failed: it was cancelled, the disk is full, or the
// compiler reported errors.
func buildError(ctx context.Context, exit error, output string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := errorInLog(output); err != nil {
		return err
	}
	return fmt.Errorf("%w:\n%s", exit, lastLines(output))
}
