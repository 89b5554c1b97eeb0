package main

import (
	"errors"
	"fmt"
	"io"
)

// The exit codes, as of `kubectl diff`: 1 is an answer (a fault, a difference), 2 is none.
const (
	exitDifferent = 1
	exitTrouble   = 2
)

// exitError ends the program with a code of its own. Without an err it says nothing:
// what there is to say has been printed.
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

// report prints err as the user reads it, and returns the exit code it calls for.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	code := exitTrouble
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
		if exit.err == nil {
			return code
		}
	}
	_, _ = fmt.Fprintln(w, "nufi:", err)
	return code
}
