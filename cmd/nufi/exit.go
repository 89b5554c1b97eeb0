package main

import (
	"errors"
	"fmt"
	"io"
)

// The exit codes, as of `kubectl diff`: 1 for a violation or a difference, 2 for an error.
const (
	exitDifferent = 1
	exitFailure   = 2
)

// exitError ends the program with a code. Without an err nothing is printed, because the
// command has printed its output already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// report prints err and returns its exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	code := exitFailure
	if exit, ok := errors.AsType[*exitError](err); ok {
		code = exit.code
		if exit.err == nil {
			return code
		}
	}
	_, _ = fmt.Fprintln(w, "nufi:", err)
	return code
}
