package history

import (
	"errors"
	"maps"
	"slices"

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

// Record returns the writes after which the current spec is the newest revision, the spec of before
// is stored, and at most limit earlier ones are. before is nil if the previous spec is not known.
func Record(stored []Revision, before, deploy *v1.NpuDeploy, limit int) (Changes, error) {
	var changes Changes
	next := last(stored) + 1
	create := func(deploy *v1.NpuDeploy) error {
		object, err := newObject(deploy, next)
		changes.Create = append(changes.Create, object)
		next++
		return err
	}
	if before != nil && find(stored, Comparable(&before.Spec)) < 0 {
		if err := create(before); err != nil {
			return Changes{}, err
		}
	}
	earlier, created := slices.Clone(stored), len(changes.Create)
	i := find(stored, Comparable(&deploy.Spec))
	if i >= 0 {
		earlier = slices.Delete(earlier, i, i+1)
	}
	switch {
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
		maps.Copy(object.Annotations, annotations)
	}
	return object
}
