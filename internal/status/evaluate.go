package status

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// verdict is a condition without its type, time and generation.
type verdict struct {
	status          metav1.ConditionStatus
	reason, message string
}

// Evaluate returns the status of the NpuDeploy: the one before, with everything that
// was observed since. Conditions of other types stay as they are.
func Evaluate(observed Observed) v1.NpuDeployStatus {
	rev := currentRevision(observed.Workload)
	status := *observed.Deploy.Status.DeepCopy()
	status.ObservedGeneration = observed.Deploy.Generation
	resolve(&status, observed)
	count(&status, observed.Workload, rev)
	conclude(&status, observed, rev)
	return status
}

// resolve copies effective values. Those of a generation that did not render are
// not known: the ones before still describe what runs.
func resolve(status *v1.NpuDeployStatus, observed Observed) {
	if known := observed.Resolved; known != nil {
		status.URL = known.URL
		status.Image = known.Image
		status.Accelerator = known.Accelerator.DeepCopy()
		status.Parallelism = known.Parallelism.DeepCopy()
		status.Selector = known.Selector
		status.Templates = known.Templates
	}
	if observed.Apply.Reason != "" {
		status.Inventory = append([]v1.InventoryEntry(nil), observed.Inventory...)
	}
}

// count leaves the counts alone while it is not known which pods are current.
func count(status *v1.NpuDeployStatus, workload Workload, rev revision) {
	if workload.Deployment != nil && !rev.known {
		return
	}
	status.Replicas = int32(len(rev.pods))         //nolint:gosec // a cluster has fewer pods than that
	status.ReadyReplicas = int32(len(rev.ready())) //nolint:gosec // a cluster has fewer pods than that
}

// conclude sets the conditions, Ready first, so that it is the first one read.
func conclude(status *v1.NpuDeployStatus, observed Observed, rev revision) {
	generation := observed.Deploy.Generation
	last := lastApplied(observed)
	rendered, applied := rendered(observed), applied(observed)
	availability := available(observed, rev)
	endpoint := endpoint(observed)

	set := setter(&status.Conditions, observed.Now)
	set(v1.ConditionReady, generation, ready(rendered, applied, availability, endpoint))
	set(v1.ConditionRendered, generation, rendered)
	set(v1.ConditionApplied, generation, applied)
	set(v1.ConditionAvailable, last, availability)
	set(v1.ConditionEndpoint, last, endpoint)
	setStalled(&status.Conditions, set, generation, rendered, applied)
}

// setter sets conditions in a list.
func setter(conditions *[]metav1.Condition, now time.Time) func(kind string, generation int64, found verdict) {
	return func(kind string, generation int64, found verdict) {
		meta.SetStatusCondition(conditions, metav1.Condition{
			Type: kind, Status: found.status, Reason: found.reason, Message: line(found.message),
			ObservedGeneration: generation,
			// As the API server keeps it, so that what was written and what is read
			// are equal.
			LastTransitionTime: metav1.NewTime(now).Rfc3339Copy(),
		})
	}
}

func setStalled(
	conditions *[]metav1.Condition, set func(string, int64, verdict), generation int64, rendered, applied verdict,
) {
	if stalled, isStalled := stalled(rendered, applied); isStalled {
		set(v1.ConditionStalled, generation, stalled)
		return
	}
	meta.RemoveStatusCondition(conditions, v1.ConditionStalled)
}

// lastApplied is the generation that the objects in the cluster belong to: while
// this one is not in place, Available and Endpoint speak of the one before.
func lastApplied(observed Observed) int64 {
	before := meta.FindStatusCondition(observed.Deploy.Status.Conditions, v1.ConditionAvailable)
	if before == nil || applied(observed).status == metav1.ConditionTrue {
		return observed.Deploy.Generation
	}
	return before.ObservedGeneration
}
