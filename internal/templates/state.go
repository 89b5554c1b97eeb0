package templates

import (
	"time"

	"github.com/dudaji/nufi/internal/render"
)

// State is how a Store is doing.
type State struct {
	Set       *render.Templates // that serves
	Since     time.Time         // when it began to
	Directory string            // empty: the set is the one that is compiled in
	// Rejected is the candidate that the directory holds and that does not serve. It is
	// nil while all is well.
	Rejected *Rejection
}

// Rejection is a candidate that was found bad.
type Rejection struct {
	Candidate string // its digest, or why it cannot be read
	Reason    error  // of several lines, where several things are wrong
	Time      time.Time
}

// served is a set, and since when it serves.
type served struct {
	set   *render.Templates
	since time.Time
}

// State returns how the Store is doing. It never blocks.
func (s *Store) State() State {
	serving := s.serving.Load()
	return State{Set: serving.set, Since: serving.since, Directory: s.dir, Rejected: s.rejected.Load()}
}
