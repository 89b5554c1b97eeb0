package cluster

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Errors that a user can correct.
var (
	ErrPortInUse  = errors.New("port in use")
	ErrDiskFull   = errors.New("disk full")
	ErrRunning    = errors.New("a cluster is already running")
	ErrNoCheckout = errors.New("outside the NuFi repository")
	ErrNoGo       = errors.New("no Go toolchain")
)

var errDamaged = errors.New("if the data of an earlier run are damaged, `nufi up --reset` deletes them")

// maxLogLines is how many lines of a program's log its unexpected exit quotes.
const maxLogLines = 8

// maxLogLine is how much of a line is quoted: etcd's have stacks.
const maxLogLine = 300

// errorInLog returns the typed error that a program wrote to its log before it exited, or
// nil. It searches for the operating system's messages, which are constant.
func errorInLog(log string) error {
	switch {
	case strings.Contains(log, syscall.EADDRINUSE.Error()):
		return ErrPortInUse
	case strings.Contains(log, syscall.ENOSPC.Error()):
		return ErrDiskFull
	}
	return nil
}

// diskFull wraps err in ErrDiskFull if the disk is full, and returns it unchanged otherwise.
func diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	}
	return err
}

// lastLines returns the last lines of a log, indented: without the stack of a panic, and the end of long lines.
func lastLines(log string) string {
	// At the start of a line: a recovered panic is logged within one.
	if at := strings.LastIndex("\n"+log, "\npanic: "); at >= 0 {
		reason, _, _ := strings.Cut(log[at:], "\ngoroutine ")
		log = log[:at] + reason
	}
	lines := strings.Split(strings.TrimSpace(log), "\n")
	lines = lines[max(0, len(lines)-maxLogLines):]
	for i, line := range lines {
		lines[i] = fmt.Sprintf("  %.*s", maxLogLine, line)
	}
	return strings.Join(lines, "\n")
}

// unexpectedExit returns the error of a program that exited by itself, from its log on disk.
func unexpectedExit(name, logPath string, exit error) error {
	log, err := os.ReadFile(logPath) //nolint:gosec // The cluster's own.
	if err != nil {
		return fmt.Errorf("%s exited (%w); reading its log: %w", name, exit, err)
	}
	if known := errorInLog(string(log)); known != nil {
		return fmt.Errorf("%s exited: %w: see %s", name, known, logPath)
	}
	return fmt.Errorf("%s exited (%w); the last lines of %s:\n%s", name, exit, logPath, lastLines(string(log)))
}
