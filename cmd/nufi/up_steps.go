package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// How often the current step is shown again: rewritten on a terminal, and elsewhere as
// a line of its own, which only a long step gets.
const (
	liveEvery  = 100 * time.Millisecond
	plainEvery = 15 * time.Second
)

// width is what a rewritten line may take: one that wraps cannot be taken back.
const width = 79

// steps shows what is being done, one line for each step with the time it took.
type steps struct {
	out   io.Writer
	live  bool
	now   func() time.Time
	done  chan struct{}
	ended sync.WaitGroup

	mu           sync.Mutex
	step, detail string
	began        time.Time
}

// newSteps starts showing on out until close.
func newSteps(out io.Writer, now func() time.Time) *steps {
	s := &steps{out: out, live: isTerminal(out), now: now, done: make(chan struct{})}
	every := plainEvery
	if s.live {
		every = liveEvery
	}
	s.ended.Go(func() { s.refresh(time.NewTicker(every)) })
	return s
}

// say begins a step, ending the one before, or tells more of the current one.
func (s *steps) say(step, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if step != s.step {
		s.finish()
		s.step, s.began = step, s.now()
	}
	s.detail = detail
}

// end ends the current step.
func (s *steps) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish()
}

// close ends the current step, and the showing.
func (s *steps) close() {
	close(s.done)
	s.ended.Wait()
	s.end()
}

func (s *steps) refresh(ticker *time.Ticker) {
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.show()
		case <-s.done:
			return
		}
	}
}

// show shows the current step as it stands.
func (s *steps) show() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.step == "" || !s.live && s.now().Sub(s.began) < plainEvery {
		return
	}
	line := s.line()
	if s.detail != "" {
		line += ": " + s.detail
	}
	if s.live {
		_, _ = fmt.Fprintf(s.out, "\r\033[K%.*s", width, line)
		return
	}
	_, _ = fmt.Fprintln(s.out, line, "...")
}

// finish writes the current step's last line. The caller holds the lock.
func (s *steps) finish() {
	if s.step == "" {
		return
	}
	line := s.line()
	if s.live {
		line = "\r\033[K" + line
	}
	_, _ = fmt.Fprintln(s.out, line)
	s.step, s.detail = "", ""
}

func (s *steps) line() string {
	return fmt.Sprintf("%7s  %s", elapsed(s.now().Sub(s.began)), s.step)
}

// elapsed is a duration to read: 4.2s, 2m10s.
func elapsed(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
