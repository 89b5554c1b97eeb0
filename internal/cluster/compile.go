package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
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
	Step         string   // for Progress
	Dir, Package string   // the module's folder and a package in it
	Plain        []string // patterns of packages without debug information and inlining
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
	listCtx, stop := context.WithCancel(ctx)
	p := packages{list: func() string { return c.stale(listCtx) }}
	output := readBuildOutput(stderr, &p, func(detail string) { progress.report(c.Step, detail) })
	stop()
	p.listing.Wait()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", c.Step, buildError(ctx, err, output))
	}
	return nil
}

// flags strip the symbols, which are half of the binary.
func (c Compilation) flags() []string {
	var flags []string
	for _, pattern := range c.Plain {
		flags = append(flags, "-gcflags="+pattern+"=-dwarf=false -l")
	}
	return append(flags, "-modfile="+c.ModFile, "-ldflags=-s -w"+c.LinkerFlags)
}

// command returns the command of go build. Few compilations need more than a gigabyte: without garbage collection
// below that, they take less CPU.
func (c Compilation) command(ctx context.Context) *exec.Cmd {
	cmd := command(ctx, "go", slices.Concat([]string{"build", "-v", "-o", c.Out}, c.flags(), []string{c.Package})...)
	cmd.Dir = c.Dir
	cmd.Env = append([]string{"GOGC=off", "GOMEMLIMIT=1GiB"}, os.Environ()...) // The user's values are used, if there are any.
	cmd.Env = append(cmd.Env, "GOWORK=off")
	cmd.SysProcAttr = childAttributes()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // Lets go build remove its work files.
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// stale returns the packages that are not compiled yet, in staleFormat, or "". Without them progress has no total.
func (c Compilation) stale(ctx context.Context) string {
	text, _ := output(ctx, c.Dir, slices.Concat([]string{"list"}, c.flags(), []string{"-deps", "-f", staleFormat, c.Package})...)
	return text
}

// readBuildOutput reports the packages that `go build -v` lists, and returns all other output.
func readBuildOutput(stderr io.Reader, p *packages, report func(detail string)) string {
	var other strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			report(line[len("go: "):])
		case strings.Contains(line, " "):
			other.WriteString(line + "\n")
		default:
			p.begin(line)
			report(p.describe(time.Now()) + ", now " + line)
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
