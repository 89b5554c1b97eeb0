package history

import (
	"errors"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Errors of Find.
var (
	ErrNoEarlier = errors.New("there is no earlier revision")
	ErrNotFound  = errors.New("there is no such revision")
)

// Changes are the writes that record a change of a spec, in their order.
type Changes struct {
	Create   []*appsv1.ControllerRevision
	Renumber *Renumbering // nil: none
	Delete   []*appsv1.ControllerRevision
}

// Renumbering gives a stored revision the next number.
type Renumbering struct{ From, To *appsv1.ControllerRevision }

// SpecChange is a change of a spec that the controller saw.
type SpecChange struct {
	Before  *v1.NpuDeploy // nil if it is not known or did not render
	After   *v1.NpuDeploy
	Renders bool // whether After does
	// IsRemoval reports that managedFields do not record the change: see IsRecorded.
	IsRemoval bool
	SeenAt    time.Time
}

// ChangesHistory reports whether a spec may have to be stored: replicas are not part of a revision.
func (c SpecChange) ChangesHistory() bool {
	if c.Before == nil {
		return c.Renders
	}
	return !Equal(&c.Before.Spec, &c.After.Spec)
}

// attributed returns the NpuDeploy after the change, without the manager of an earlier change.
func (c SpecChange) attributed(stored []Revision) *v1.NpuDeploy {
	isRemoval := c.IsRemoval
	if c.Before == nil && len(stored) > 0 {
		isRemoval = isRemoval || !isNewChange(c.After, withoutReplicas(&c.After.Spec), stored[len(stored)-1])
	}
	if isRemoval {
		return withoutManager(c.After, c.SeenAt)
	}
	return c.After
}

// Record returns the writes after which the current spec is the newest revision, the one before is
// stored, and at most limit earlier ones are. A spec that does not render is not stored.
func Record(stored []Revision, change SpecChange, limit int) (Changes, error) {
	var changes Changes
	before, deploy := change.Before, change.attributed(stored)
	next := last(stored) + 1
	create := func(deploy *v1.NpuDeploy) error {
		object, err := newObject(deploy, next)
		changes.Create = append(changes.Create, object)
		next++
		return err
	}
	if before != nil && find(stored, withoutReplicas(&before.Spec)) < 0 {
		if err := create(before); err != nil {
			return Changes{}, err
		}
	}
	earlier, created := slices.Clone(stored), len(changes.Create)
	i := find(stored, withoutReplicas(&deploy.Spec))
	if i >= 0 {
		earlier = slices.Delete(earlier, i, i+1)
	}
	switch {
	case !change.Renders:
	case i < 0:
		if err := create(deploy); err != nil {
			return Changes{}, err
		}
	case i < len(stored)-1 || created > 0:
		changes.Renumber = &Renumbering{stored[i].object, renumber(stored[i].object, next, deploy)}
	}
	excess := min(max(len(earlier)+created-limit, 0), len(earlier))
	for _, revision := range earlier[:excess] {
		changes.Delete = append(changes.Delete, revision.object)
	}
	return changes, nil
}

func renumber(object *appsv1.ControllerRevision, number int64, deploy *v1.NpuDeploy) *appsv1.ControllerRevision {
	object = object.DeepCopy()
	object.Revision = number
	if annotations := Annotations(deploy); annotations != nil {
		if object.Annotations == nil {
			object.Annotations = map[string]string{}
		}
		delete(object.Annotations, AnnotationChangedBy)
		maps.Copy(object.Annotations, annotations)
	}
	return object
}
