package templates

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Live is what the cluster has of our kinds.
type Live struct {
	Deploys  []v1.NpuDeploy `json:"deploys,omitempty"`
	Projects []v1.Project   `json:"projects,omitempty"`
}

// Violation is one mistake of a candidate.
type Violation struct {
	// File and Line are where the templates have it; empty for what is no line's.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Message is one line.
	Message string `json:"message"`
}

// String is the fault in one line.
func (f Violation) String() string {
	if f.File == "" {
		return f.Message
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message)
}

// RejectedError says what is wrong with a candidate.
type RejectedError struct{ Violations []Violation }

// Error has a line for each fault.
func (e *RejectedError) Error() string {
	lines := make([]string, len(e.Violations))
	for i, fault := range e.Violations {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// Validate says what is wrong with candidate, or nil: whether it compiles, renders the
// examples and renders what is live. A child process does it.
func Validate(ctx context.Context, candidate fs.FS, live Live) error {
	texts, err := contents(candidate)
	if err != nil {
		return err
	}
	_, err = run(ctx, task{Candidate: texts, Live: live})
	return err
}
