package rollout

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"

	"github.com/dudaji/nufi/internal/render"
)

// Input is the input of Evaluate.
type Input struct {
	Rollout *v1.TemplateRollout
	// Earlier are the other rollouts by name.
	Earlier map[string]*v1.TemplateRollout
	// Policy is the policy of the rollout's set.
	Policy render.ChangePolicy
	// Deploys are all NpuDeploys with automatic updates, and those whose manual update is overdue.
	Deploys []Deploy
	// Nodes are the ready nodes, with the resources of Deploys' Devices.
	Nodes []Node
	Now   time.Time
}

// Result is the decision. Assignments must be recorded, or known to the caller, before Status.
type Result struct {
	Assignments []Assignment
	Status      v1.TemplateRolloutStatus
	// Next is when to evaluate again if nothing changes, or zero.
	Next time.Time
}

// Assignment is the next assignment of an NpuDeploy.
type Assignment struct {
	Namespace, Name string
	v1.RolloutAssignment

	// WithResult means that the assignment can be recorded after it was applied: it replaces no server, and a caller
	// that stops before that would decide the same again. Until it is recorded, the caller passes it to Evaluate as the
	// Deploy's Assignment.
	WithResult bool
}

// evaluation is one call of Evaluate.
type evaluation struct {
	input   Input
	rollout *v1.TemplateRollout
	policy  render.ChangePolicy
	target  string
	status  v1.TemplateRolloutStatus
	waves   []wave
	members []*member
	budget  *budget
	next    time.Time
}

// Evaluate returns the next assignments and status of the rollout.
func Evaluate(input Input) Result {
	e := &evaluation{
		input: input, rollout: input.Rollout, policy: input.Policy, target: input.Rollout.Spec.Templates,
		status: *input.Rollout.Status.DeepCopy(), waves: wavesOf(input.Policy),
	}
	e.status.ObservedGeneration = input.Rollout.Generation
	isRetry := e.rollout.Spec.Retries > e.status.Retries
	e.status.Retries = max(e.status.Retries, e.rollout.Spec.Retries)
	for _, d := range inOrder(input.Deploys) {
		e.members = append(e.members, e.classify(*d))
	}
	e.begin()
	e.budget = newBudget(e)
	reason, message := e.halted(isRetry)
	if reason != "" {
		e.stop(reason, message)
	} else {
		e.advance()
	}
	e.count()
	result := Result{Status: e.status, Next: e.next}
	for _, m := range e.members {
		if m.next != nil {
			isFirst := m.Assignment == nil && m.next.Wave == inPlace
			result.Assignments = append(result.Assignments, Assignment{m.Namespace, m.Name, *m.next, isFirst && m.Overdue == ""})
		}
	}
	return result
}

// inOrder returns the NpuDeploys in an order that mixes the projects and stays the same when others
// are added.
func inOrder(deploys []Deploy) []*Deploy {
	type keyed struct {
		hash   uint64
		deploy *Deploy
	}
	keys := make([]keyed, len(deploys))
	h := fnv.New64a()
	for i := range deploys {
		h.Reset()
		_, _ = h.Write([]byte(deploys[i].Namespace + "/" + deploys[i].Name))
		keys[i] = keyed{h.Sum64(), &deploys[i]}
	}
	slices.SortFunc(keys, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.deploy.Namespace, b.deploy.Namespace), cmp.Compare(a.deploy.Name, b.deploy.Name))
	})
	sorted := make([]*Deploy, len(keys))
	for i := range keys {
		sorted[i] = keys[i].deploy
	}
	return sorted
}

func (e *evaluation) now() metav1.Time { return metav1.NewTime(e.input.Now).Rfc3339Copy() }

// wake makes the caller evaluate again at a time.
func (e *evaluation) wake(at time.Time) {
	if e.next.IsZero() || at.Before(e.next) {
		e.next = at
	}
}

func (e *evaluation) isComplete() bool {
	return meta.IsStatusConditionTrue(e.status.Conditions, v1.ConditionComplete)
}

// begin records where the rollout begins.
func (e *evaluation) begin() {
	if e.status.Plan != nil {
		return
	}
	e.status.Plan = &v1.RolloutPlan{}
	uses := map[string]int32{}
	for _, m := range e.members {
		uses[m.Templates]++
		switch m.Effect {
		case render.None:
			e.status.Plan.None++
		case render.InPlace:
			e.status.Plan.InPlace++
		case render.Restart:
			e.status.Plan.Restart++
		case render.Delete:
			e.status.Plan.Delete++
		case render.Refused:
			e.status.Plan.Refused++
		}
	}
	for _, templates := range slices.SortedFunc(maps.Keys(uses), func(a, b string) int {
		return cmp.Or(cmp.Compare(uses[b], uses[a]), cmp.Compare(a, b))
	}) {
		if len(e.status.From) < maxListed {
			e.status.From = append(e.status.From, v1.TemplateUse{Templates: templates, Count: uses[templates]})
		}
	}
}

// maxListed bounds lists of the status.
const maxListed = 16

func (e *evaluation) set(kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&e.status.Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message,
		ObservedGeneration: e.rollout.Generation, LastTransitionTime: e.now(),
	})
}
