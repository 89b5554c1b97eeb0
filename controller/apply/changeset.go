package apply

import (
	"slices"
	"strings"
)

// Action is the effect of an apply on one object.
type Action string

// The actions, as log lines and metrics have them.
const (
	Created    Action = "created"
	Configured Action = "configured" // the manifest changed
	Corrected  Action = "healed"     // the object drifted from its manifest
	Adopted    Action = "adopted"
	Pruned     Action = "pruned"
	Unchanged  Action = "unchanged"
)

// Change is the action on one object.
type Change struct {
	Ref    Ref
	Action Action
}

// String returns the action and the object: "created Service llama-8b".
func (c Change) String() string { return string(c.Action) + " " + c.Ref.String() }

// ChangeSet is the changes of one Apply, in order.
type ChangeSet []Change

// String lists what changed, and is empty if nothing did.
func (s ChangeSet) String() string {
	changed := s.Changed()
	words := make([]string, 0, len(changed))
	for _, change := range changed {
		words = append(words, change.String())
	}
	return strings.Join(words, ", ")
}

// Changed returns the changes that are not Unchanged.
func (s ChangeSet) Changed() ChangeSet {
	return slices.DeleteFunc(slices.Clone(s), func(change Change) bool { return change.Action == Unchanged })
}
