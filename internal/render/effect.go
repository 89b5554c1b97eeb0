package render

import (
	"fmt"
	"slices"
)

// Effect is the effect of applying other manifests to a running deployment, from the mildest
// to the worst.
type Effect string

// The effects.
const (
	// None changes nothing.
	None Effect = "None"
	// InPlace changes objects, but no pod of a server.
	InPlace Effect = "InPlace"
	// Restart changes the pod template: every pod is replaced.
	Restart Effect = "Restart"
	// Delete removes an object.
	Delete Effect = "Delete"
	// Refused means that the spec no longer renders: the running objects stay as they are.
	Refused Effect = "Refused"
)

// Change is one object that differs between two sets of manifests.
type Change struct {
	// Object is kind/name in lower case.
	Object string `json:"object" doc:"kind/name"`
	Effect Effect `json:"effect" doc:"InPlace, Restart or Delete"`
	// Note is what the kind of object adds to the effect.
	Note string `json:"note,omitempty" doc:"what else the effect means, such as a need for more devices meanwhile"`
	// Diff is set by callers of Compare.
	Diff string `json:"diff,omitempty" doc:"unified diff of the YAML; of a preview only"`
}

// String returns the object, its effect and the note, for lists.
func (c Change) String() string {
	if c.Note == "" {
		return fmt.Sprintf("%s (%s)", c.Object, c.Effect)
	}
	return fmt.Sprintf("%s (%s: %s)", c.Object, c.Effect, c.Note)
}

// Worse returns the worse of two effects.
func Worse(a, b Effect) Effect {
	order := []Effect{None, InPlace, Restart, Delete, Refused}
	return slices.MaxFunc([]Effect{a, b}, func(a, b Effect) int {
		return slices.Index(order, a) - slices.Index(order, b)
	})
}
