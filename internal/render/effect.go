package render

import (
	"fmt"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Effect is the effect of applying other manifests to a running deployment, from the mildest
// to the worst.
type Effect string

// The effects.
const (
	// None changes nothing.
	None Effect = "None"
	// InPlace changes objects, but no pod.
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

// Compare returns the effect of applying after where before runs: the worst effect, and each
// object that differs, in apply order.
func Compare(before, after *Result) (Effect, []Change) {
	var changes []Change
	old := byName(before.Objects)
	for _, object := range after.Objects {
		name := objectName(object.GetKind(), object.GetName())
		if effect := effectOn(old[name], object); effect != None {
			changes = append(changes, Change{Object: name, Effect: effect, Note: note(old[name], object)})
		}
		delete(old, name)
	}
	for _, object := range before.Objects {
		if name := objectName(object.GetKind(), object.GetName()); old[name] != nil {
			changes = append(changes, Change{Object: name, Effect: Delete})
		}
	}
	worst := None
	for _, change := range changes {
		worst = Worse(worst, change.Effect)
	}
	return worst, changes
}

func byName(objects []*unstructured.Unstructured) map[string]*unstructured.Unstructured {
	named := make(map[string]*unstructured.Unstructured, len(objects))
	for _, object := range objects {
		named[objectName(object.GetKind(), object.GetName())] = object
	}
	return named
}

func effectOn(before, after *unstructured.Unstructured) Effect {
	switch {
	case before == nil:
		return InPlace
	case reflect.DeepEqual(before.Object, after.Object):
		return None
	case !reflect.DeepEqual(podTemplate(before), podTemplate(after)):
		return Restart
	default:
		return InPlace
	}
}

// podTemplate returns the part of a spec of which each change restarts the pods, or the server in them.
func podTemplate(object *unstructured.Unstructured) any {
	field := "template"
	switch object.GetKind() {
	case "LeaderWorkerSet":
		field = "leaderWorkerTemplate" // With the number of pods, and the policy for restarts.
	case "RayService":
		return object.Object["spec"]
	}
	template, _, _ := unstructured.NestedFieldNoCopy(object.Object, "spec", field)
	return template
}

// note returns what a change of a RayService means beside its effect.
func note(before, after *unstructured.Unstructured) string {
	if before == nil || after.GetKind() != "RayService" {
		return ""
	}
	differs := func(field string) bool {
		old, _, _ := unstructured.NestedFieldNoCopy(before.Object, "spec", field)
		next, _, _ := unstructured.NestedFieldNoCopy(after.Object, "spec", field)
		return !reflect.DeepEqual(old, next)
	}
	switch {
	case differs("rayClusterConfig"):
		return "KubeRay makes a second cluster, with as many devices again, and deletes the first when it serves"
	case differs("serveConfigV2"):
		return "Ray Serve restarts the model in the same pods"
	}
	return ""
}

// Worse returns the worse of two effects.
func Worse(a, b Effect) Effect {
	order := []Effect{None, InPlace, Restart, Delete, Refused}
	return slices.MaxFunc([]Effect{a, b}, func(a, b Effect) int {
		return slices.Index(order, a) - slices.Index(order, b)
	})
}
