package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// How often the current step is printed. On a terminal its line is rewritten; elsewhere a
// long step gets a line for each interval.
const (
	terminalInterval = 100 * time.Millisecond
	plainInterval    = 15 * time.Second
)

// defaultWidth is the width of a rewritten line if the terminal does not report its own.
const defaultWidth = 79

// steps prints a line with the duration of each step.
type steps struct {
	out      io.Writer
	terminal bool
	now      func() time.Time
	done     chan struct{}
	refresh  sync.WaitGroup

	mu           sync.Mutex
	step, detail string
	start        time.Time
}

// newSteps returns steps that print to out until close.
func newSteps(out io.Writer, now func() time.Time) *steps {
	s := &steps{out: out, terminal: isTerminal(out), now: now, done: make(chan struct{})}
	interval := plainInterval
	if s.terminal {
		interval = terminalInterval
	}
	s.refresh.Go(func() { s.printEvery(time.NewTicker(interval)) })
	return s
}

// report ends the current step and starts another, or updates the current step's detail.
func (s *steps) report(step, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if step != s.step {
		s.finish()
		s.step, s.start = step, s.now()
	}
	s.detail = detail
}

// end ends the current step.
func (s *steps) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish()
}

// close ends the current step and stops printing.
func (s *steps) close() {
	close(s.done)
	s.refresh.Wait()
	s.end()
}

func (s *steps) printEvery(ticker *time.Ticker) {
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.print()
		case <-s.done:
			return
		}
	}
}

// print prints the current step, if there is one.
func (s *steps) print() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.step == "" || !s.terminal && s.now().Sub(s.start) < plainInterval {
		return
	}
	line := s.line()
	if s.detail != "" {
		line += ": " + s.detail
	}
	if s.terminal {
		_, _ = fmt.Fprintf(s.out, "\r\033[K%.*s", s.width(), line)
		return
	}
	_, _ = fmt.Fprintln(s.out, line, "...")
}

// width limits a rewritten line: the terminal cannot rewrite one that wraps. Users change the size of a terminal.
func (s *steps) width() int {
	if file, ok := s.out.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 1 {
			return columns - 1
		}
	}
	return defaultWidth
}

// finish prints the current step's last line. The caller holds the lock.
func (s *steps) finish() {
	if s.step == "" {
		return
	}
	line := s.line()
	if s.terminal {
		line = "\r\033[K" + line
	}
	_, _ = fmt.Fprintln(s.out, line)
	s.step, s.detail = "", ""
}

func (s *steps) line() string {
	return fmt.Sprintf("%7s  %s", elapsed(s.now().Sub(s.start)), s.step)
}

// elapsed formats a duration: 4.2s, 2m10s.
func elapsed(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
