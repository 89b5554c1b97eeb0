package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func TestReportPrintsErrorsAndReturnsExitCodes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		err  error
		code int
		line string
	}{
		"none":          {nil, 0, ""},
		"any":           {errors.New("it broke"), 2, "nufi: it broke\n"},
		"with a code":   {&exitError{code: 4, err: errors.New("no cluster")}, 4, "nufi: no cluster\n"},
		"without error": {&exitError{code: 1}, 1, ""},
		"wrapped":       {fmt.Errorf("comparing: %w", &exitError{code: 3}), 3, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if code := report(&out, c.err); code != c.code || out.String() != c.line {
				t.Errorf("report returned %d, %q, want %d, %q", code, out.String(), c.code, c.line)
			}
		})
	}
}
