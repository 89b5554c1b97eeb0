package apply

import (
	"slices"
	"strings"
)

// Action is what became of one child.
type Action string

// The actions, in the words of a log line.
const (
	Created    Action = "created"
	Configured Action = "configured" // the manifest changed
	Healed     Action = "healed"     // the manifest did not, the object did
	Adopted    Action = "adopted"
	Pruned     Action = "pruned"
	Unchanged  Action = "unchanged"
)

// Change is one child and what became of it.
type Change struct {
	Ref    Ref
	Action Action
}

// String is "healed Service llama-8b".
func (c Change) String() string { return string(c.Action) + " " + c.Ref.String() }

// ChangeSet is all that one Apply did, in order.
type ChangeSet []Change

// String lists what changed; it is empty if nothing did.
func (s ChangeSet) String() string {
	changed := s.Changed()
	words := make([]string, 0, len(changed))
	for _, change := range changed {
		words = append(words, change.String())
	}
	return strings.Join(words, ", ")
}

// Changed leaves out what is unchanged.
func (s ChangeSet) Changed() ChangeSet {
	return slices.DeleteFunc(slices.Clone(s), func(change Change) bool { return change.Action == Unchanged })
}
