package main

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A line that wraps cannot be rewritten: each refresh would add one.
func TestStepsFitTheTerminal(t *testing.T) {
	t.Parallel()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("a pseudo-terminal is needed: %v", err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	s := &steps{out: terminal}
	for _, columns := range []uint16{40, 200} {
		if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
			t.Fatal(err)
		}
		if got := s.width(); got != int(columns)-1 {
			t.Errorf("the width of %d columns is %d", columns, got)
		}
	}
	if null, err := os.Open(os.DevNull); err != nil || isTerminal(null) || !isTerminal(terminal) {
		t.Errorf("terminals are not recognized, error %v", err)
	}
}
