package status

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// ObservedProject is all that the judgement of a Project rests on.
type ObservedProject struct {
	// Project has the generation that is judged and the status before.
	Project *v1.Project
	// Render and Apply say how far this generation came.
	Render, Apply Outcome
	// Templates is the digest of the templates that rendered it, empty if none did.
	Templates string
	// Inventory is what apply recorded. It is looked at only if Apply is known.
	Inventory []v1.InventoryEntry
	// Now is when a condition that changes its status changed it.
	Now time.Time
}

// EvaluateProject returns the status of the Project: the one before, with everything that
// was observed since.
func EvaluateProject(observed ObservedProject) v1.ProjectStatus {
	status := *observed.Project.Status.DeepCopy()
	generation := observed.Project.Generation
	status.ObservedGeneration = generation
	if observed.Templates != "" {
		status.Templates = observed.Templates
	}
	if observed.Apply.Reason != "" {
		status.Inventory = append([]v1.InventoryEntry(nil), observed.Inventory...)
		status.Namespace = namespaceIn(status.Inventory)
	}
	stages := Observed{Render: observed.Render, Apply: observed.Apply}
	rendered, applied := rendered(stages), applied(stages)
	ready, blocks := blocking(rendered, applied)
	if !blocks {
		ready = verdict{metav1.ConditionTrue, v1.ReasonReady, applied.message}
	}
	set := setter(&status.Conditions, observed.Now)
	set(v1.ConditionReady, generation, ready)
	set(v1.ConditionRendered, generation, rendered)
	set(v1.ConditionApplied, generation, applied)
	setStalled(&status.Conditions, set, generation, rendered, applied)
	return status
}

// namespaceIn is the project's own namespace, once it was seen to be ours.
func namespaceIn(inventory []v1.InventoryEntry) string {
	i := slices.IndexFunc(inventory, func(entry v1.InventoryEntry) bool {
		return entry.Group == "" && entry.Kind == "Namespace" && entry.UID != ""
	})
	if i < 0 {
		return ""
	}
	return inventory[i].Name
}
