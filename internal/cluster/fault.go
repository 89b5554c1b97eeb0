package cluster

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// What may go wrong on a user's machine and has a remedy of its own.
var (
	ErrPortInUse  = errors.New("port in use")
	ErrDiskFull   = errors.New("disk full")
	ErrRunning    = errors.New("a cluster is still running")
	ErrNoCheckout = errors.New("outside the NuFi repository")
	ErrNoGo       = errors.New("no Go toolchain")
)

// tailLines is how much of a program's log its unexpected end is told with.
const tailLines = 8

// diagnose names the fault that a program of others wrote about before it ended. The
// program's text is all there is; the operating system's words in it are constant.
func diagnose(log string) error {
	switch {
	case strings.Contains(log, syscall.EADDRINUSE.Error()):
		return ErrPortInUse
	case strings.Contains(log, syscall.ENOSPC.Error()):
		return ErrDiskFull
	}
	return nil
}

// full marks err as ErrDiskFull when the disk is why a file could not be written.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return err
}

// tail returns the last lines of a log, indented.
func tail(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return "  " + strings.Join(lines, "\n  ")
}

// ended says why a program ended that should still run, from its log on disk.
func ended(name, logPath string, exit error) error {
	log, err := os.ReadFile(logPath) //nolint:gosec // The cluster's own.
	if err != nil {
		return fmt.Errorf("%s ended (%w), and its log: %w", name, exit, err)
	}
	if fault := diagnose(string(log)); fault != nil {
		return fmt.Errorf("%s ended: %w, says %s", name, fault, logPath)
	}
	return fmt.Errorf("%s ended (%w), the last lines of %s:\n%s", name, exit, logPath, tail(string(log)))
}
