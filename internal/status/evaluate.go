package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Evaluate returns the next status of the NpuDeploy. Conditions of other types are not changed.
func Evaluate(observed Observed) v1.NpuDeployStatus {
	rev := currentRevision(observed.Workload)
	next := *observed.Deploy.Status.DeepCopy()
	next.ObservedGeneration = observed.Deploy.Generation
	setResolved(&next, observed)
	next.Image = runningImage(observed.Workload, rev, next.Image)
	setReplicas(&next, observed.Workload, rev)

	rendered, applied := observed.results()
	last := lastApplied(observed)
	staysApplied := last != nil && rendered.reason == v1.ReasonTemplatesUnusable
	if staysApplied {
		applied = *last
	}
	serving, endpoint := available(observed, rev), endpoint(observed)
	available := observed.withPrefill(serving)
	live := appliedGeneration(observed, applied)
	parts := []result{rendered, applied, available, endpoint}
	if staysApplied {
		parts = parts[1:] // What runs is what the spec states.
	}
	conditions := newConditions(&next.Conditions, observed.Deploy.Generation, observed.Now)
	conditions.set(v1.ConditionReady, ready(available.message, parts...))
	conditions.setOutcomes(rendered, applied)
	conditions.setOf(live, v1.ConditionAvailable, available)
	conditions.setOf(live, v1.ConditionEndpoint, endpoint)
	setScaling(&next, conditions, observed, serving)
	setPromotion(&next, conditions, observed, endpoint)
	conditions.setStalled(rendered, applied)
	setUpdate(&next, conditions, observed.Update)
	return next
}

// EvaluateProject returns the next status of the Project.
func EvaluateProject(observed ObservedProject) v1.ProjectStatus {
	next := *observed.Project.Status.DeepCopy()
	next.ObservedGeneration = observed.Project.Generation
	if observed.Templates != "" {
		next.Templates = observed.Templates
	}
	switch {
	case observed.OwnsNamespace:
		next.Namespace = observed.Project.Name
	case observed.Apply.Reason == v1.ReasonConflict:
		next.Namespace = ""
	}

	rendered, applied := observed.results()
	conditions := newConditions(&next.Conditions, observed.Project.Generation, observed.Now)
	conditions.set(v1.ConditionReady, ready(applied.message, rendered, applied))
	conditions.setOutcomes(rendered, applied)
	conditions.setStalled(rendered, applied)
	return next
}

// Terminating sets condition Ready of an object that is being deleted. Its remaining objects are not
// evaluated.
func Terminating(list *[]metav1.Condition, object metav1.Object, now time.Time) {
	text := "deleted at " + timestamp(*object.GetDeletionTimestamp())
	if finalizers := object.GetFinalizers(); len(finalizers) > 0 {
		text += ", waiting for " + strings.Join(finalizers, ", ")
	}
	conditions := newConditions(list, object.GetGeneration(), now)
	conditions.set(v1.ConditionReady, result{metav1.ConditionFalse, v1.ReasonTerminating, text})
}

// setResolved copies resolved values. If this generation did not render, the previous values stay: they
// describe the running pods.
func setResolved(next *v1.NpuDeployStatus, observed Observed) {
	if resolved := observed.Resolved; resolved != nil {
		next.URL = resolved.URL
		next.Image = resolved.Image
		next.Accelerator = resolved.Accelerator.DeepCopy()
		next.Parallelism = resolved.Parallelism.DeepCopy()
		next.Selector = resolved.Selector
		next.Traffic = slices.Clone(resolved.Traffic)
		next.Templates = cmp.Or(observed.Templates, next.Templates)
	}
}

// updateReason is the reason of condition UpdateAvailable.
func updateReason(effect string) string {
	switch effect {
	case "InPlace":
		return v1.ReasonUpdateInPlace
	case "Delete":
		return v1.ReasonUpdateDeletes
	case "Refused":
		return v1.ReasonUpdateRefused
	}
	return v1.ReasonUpdateRestarts
}

// setUpdate sets the update, and the condition UpdateAvailable, which is absent without one.
func setUpdate(next *v1.NpuDeployStatus, conditions conditions, update *Update) {
	if update == nil {
		RemoveUpdate(next)
		return
	}
	if update.Templates == "" {
		next.Update = nil
		conditions.set(v1.ConditionUpdateAvailable, result{metav1.ConditionFalse, v1.ReasonUpdateNotStored, update.Message})
		return
	}
	text := update.Message
	if update.MayWait > 0 {
		since := metav1.NewTime(conditions.now)
		if before := meta.FindStatusCondition(next.Conditions, v1.ConditionUpdateAvailable); before != nil && before.Status == metav1.ConditionTrue {
			since = before.LastTransitionTime
		}
		since.Time = since.Add(update.MayWait)
		text = fmt.Sprintf("joins the waves at %s unless it is updated before: %s", timestamp(since), text)
	}
	next.Update = update.DeepCopy()
	conditions.set(v1.ConditionUpdateAvailable, result{metav1.ConditionTrue, updateReason(update.Effect), text})
}

// RemoveUpdate removes the update and its condition.
func RemoveUpdate(next *v1.NpuDeployStatus) {
	next.Update = nil
	removeCondition(&next.Conditions, v1.ConditionUpdateAvailable)
}

// runningImage returns the server's image in a ready pod, of the current revision if possible, or
// otherwise the rendered image.
func runningImage(workload Workload, rev revision, rendered string) string {
	containers := workload.podSpec(corev1.Pod{}).Containers
	if len(containers) == 0 {
		return rendered
	}
	server := containers[0].Name
	for _, pod := range slices.Concat(rev.ready(), rev.earlier) {
		for _, container := range pod.Spec.Containers {
			if container.Name == server && container.Image != "" && len(container.Image) <= maxImage {
				return container.Image
			}
		}
	}
	return rendered
}

// maxImage is the limit of status.image.
const maxImage = 512

// setReplicas keeps the counts while the current revision is unknown.
func setReplicas(next *v1.NpuDeployStatus, workload Workload, rev revision) {
	if workload.exists() && !rev.observed {
		return
	}
	created, ready := len(rev.pods), len(rev.ready())
	switch {
	case workload.Groups != nil:
		created, ready = len(rev.groups()), rev.readyGroups(workload.Groups.size())
	case workload.Ray != nil:
		created, ready = rev.rayReplicas(workload.Ray.size())
	}
	next.Replicas, next.ReadyReplicas = int32(created), int32(ready) //nolint:gosec // A cluster has fewer pods than that.
	next.ReplicaSummary = ""
	if workload.exists() {
		next.ReplicaSummary = fmt.Sprintf("%d/%d", next.ReadyReplicas, workload.desired())
	}
}

// lastApplied is the condition Applied of the status before, if this generation was applied, or nil.
func lastApplied(observed Observed) *result {
	before := meta.FindStatusCondition(observed.Deploy.Status.Conditions, v1.ConditionApplied)
	if before == nil || before.Status != metav1.ConditionTrue || before.ObservedGeneration != observed.Deploy.Generation {
		return nil
	}
	return &result{before.Status, before.Reason, before.Message}
}

// appliedGeneration is the generation that the live objects belong to: while this one is
// not applied, Available and Endpoint describe the previous one.
func appliedGeneration(observed Observed, applied result) int64 {
	before := meta.FindStatusCondition(observed.Deploy.Status.Conditions, v1.ConditionAvailable)
	if before == nil || applied.status == metav1.ConditionTrue {
		return observed.Deploy.Generation
	}
	return before.ObservedGeneration
}
