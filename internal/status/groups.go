package status

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// LeaderWorkerSet is the part of a LeaderWorkerSet that status reads. Its replicas are groups of pods:
// a leader, which answers requests, and its workers.
type LeaderWorkerSet struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Replicas             *int32 `json:"replicas"`
		LeaderWorkerTemplate struct {
			Size           *int32                 `json:"size"`
			LeaderTemplate corev1.PodTemplateSpec `json:"leaderTemplate"`
			WorkerTemplate corev1.PodTemplateSpec `json:"workerTemplate"`
		} `json:"leaderWorkerTemplate"`
	} `json:"spec"`
	Status struct {
		ObservedGeneration int64              `json:"observedGeneration"`
		UpdatedReplicas    int32              `json:"updatedReplicas"`
		ReadyReplicas      int32              `json:"readyReplicas"`
		Conditions         []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

// NewLeaderWorkerSet decodes a LeaderWorkerSet of leaderworkerset.x-k8s.io/v1.
func NewLeaderWorkerSet(object *unstructured.Unstructured) (*LeaderWorkerSet, error) {
	return decode[LeaderWorkerSet](object)
}

func decode[T any](object *unstructured.Unstructured) (*T, error) {
	decoded := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, decoded); err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return decoded, nil
}

// Labels of the pods of a LeaderWorkerSet. The index of the leader is 0.
const (
	LabelGroup    = "leaderworkerset.sigs.k8s.io/group-index"
	LabelWorker   = "leaderworkerset.sigs.k8s.io/worker-index"
	labelRevision = "leaderworkerset.sigs.k8s.io/template-revision-hash"
)

func isLeader(pod corev1.Pod) bool { return pod.Labels[LabelWorker] == "0" }

// groupOf returns the number of the pod's group, or -1 if it is in none.
func groupOf(pod corev1.Pod) int {
	number, err := strconv.Atoi(pod.Labels[LabelGroup])
	if err != nil {
		return -1
	}
	return number
}

func (s *LeaderWorkerSet) size() int { return orOne(s.Spec.LeaderWorkerTemplate.Size) }

// orOne returns the value, or 1, which Kubernetes uses if it is absent.
func orOne(value *int32) int {
	if value == nil {
		return 1
	}
	return int(*value)
}

func (s *LeaderWorkerSet) isObserved() bool { return s.Status.ObservedGeneration >= s.Generation }

// isAvailable reports whether LeaderWorkerSet's controller counts all groups as updated and ready. Its condition
// Available is not enough: some groups may have an earlier template.
func (s *LeaderWorkerSet) isAvailable(desired int) bool {
	return s.isObserved() && meta.IsStatusConditionTrue(s.Status.Conditions, "Available") &&
		int(s.Status.UpdatedReplicas) >= desired && int(s.Status.ReadyReplicas) >= desired
}

// noRevision is a hash that no pod has.
const noRevision = "none"

// currentRevision returns the hash of the current template, or empty while it is unknown. The
// controller updates groups from the highest number down.
func (s *LeaderWorkerSet) currentRevision(pods []corev1.Pod) string {
	if !s.isObserved() {
		return ""
	}
	if s.Status.UpdatedReplicas == 0 && meta.IsStatusConditionTrue(s.Status.Conditions, "UpdateInProgress") {
		return noRevision
	}
	highest, hash := -1, noRevision
	for _, pod := range pods {
		if number := groupOf(pod); isLeader(pod) && pod.DeletionTimestamp == nil && number > highest {
			highest, hash = number, pod.Labels[labelRevision]
		}
	}
	return hash
}

// group is the current pods of one replica of a LeaderWorkerSet.
type group struct {
	number int
	pods   []corev1.Pod // the leader first
}

// groups returns the groups of current pods, by number.
func (r revision) groups() []group {
	var groups []group
	pods := slices.SortedStableFunc(slices.Values(r.pods), func(a, b corev1.Pod) int {
		return cmp.Or(cmp.Compare(groupOf(a), groupOf(b)), cmp.Compare(len(a.Name), len(b.Name)), byName(a, b))
	})
	for _, pod := range pods {
		if last := len(groups) - 1; last < 0 || groups[last].number != groupOf(pod) {
			groups = append(groups, group{number: groupOf(pod)})
		}
		last := &groups[len(groups)-1]
		last.pods = append(last.pods, pod)
	}
	return groups
}

// readyGroups is the number of groups that have all their pods, all of which are ready.
func (r revision) readyGroups(size int) int { return r.groupsWhere(size, isReady) }

// groupsWhere is the number of groups that have all their pods, all of which match.
func (r revision) groupsWhere(size int, matches func(corev1.Pod) bool) int {
	count := 0
	for _, group := range r.groups() {
		if len(group.pods) >= size && !slices.ContainsFunc(group.pods, func(pod corev1.Pod) bool { return !matches(pod) }) {
			count++
		}
	}
	return count
}

// groupsAvailable evaluates a LeaderWorkerSet first, and its pods only if that is inconclusive.
func groupsAvailable(observed Observed, rev revision) result {
	set := observed.Workload.Groups
	if !rev.observed {
		text := "the LeaderWorkerSet's controller has not acted on its last change yet"
		if set.Status.ObservedGeneration == 0 {
			text += ": check that it runs"
		}
		return diagnosis{v1.ReasonProgressing, text}.result()
	}
	desired, ready := observed.Workload.desired(), rev.readyGroups(set.size())
	if desired == 0 {
		return result{metav1.ConditionTrue, v1.ReasonScaledToZero, "replicas is 0"}
	}
	if ready >= desired && set.isAvailable(desired) {
		return result{metav1.ConditionTrue, v1.ReasonAvailable, fmt.Sprintf("%d of %d groups of %d pods are ready", ready, desired, set.size())}
	}
	d := mostActionable(groupsNotCreated(observed.Workload, rev, desired), rejectedByNode(rev), diagnoseGroups(observed, rev, desired),
		diagnosis{v1.ReasonProgressing, groupsProgressing(rev, set, ready, desired)})
	return d.besidePartial(observed).besideOthers(rev).result()
}

// groupsNotCreated diagnoses pods that the API server rejects, for example because of a quota.
func groupsNotCreated(workload Workload, rev revision, desired int) diagnosis {
	missing := desired*workload.Groups.size() - len(rev.pods)
	if missing <= 0 || workload.Rejection == "" {
		return diagnosis{}
	}
	return rejection(missing, desired*workload.Groups.size(), workload.Rejection)
}

// MissingPods returns the number of pods that the set still has to create.
func (w Workload) MissingPods() int {
	if w.Groups == nil {
		return 0
	}
	return max(0, w.desired()*w.Groups.size()-len(w.Pods))
}

// diagnoseGroups returns the most actionable reason of all pods, with the first pod that has it and
// the number of groups that do.
func diagnoseGroups(observed Observed, rev revision, desired int) diagnosis {
	type member struct {
		group int
		diagnosis
	}
	var members []member
	var all []diagnosis
	for _, group := range rev.groups() {
		for _, pod := range group.pods {
			if isReady(pod) {
				continue
			}
			d := diagnose(observed, pod)
			d.message = fmt.Sprintf("%s %s: %s", roleOf(pod), pod.Name, d.message)
			members, all = append(members, member{group.number, d}), append(all, d)
		}
	}
	first := mostActionable(all...)
	if first.reason == "" {
		return diagnosis{}
	}
	affected := map[int]bool{}
	for _, member := range members {
		if member.reason == first.reason {
			affected[member.group] = true
		}
	}
	return diagnosis{first.reason, fmt.Sprintf("%d of %d groups, %s", len(affected), max(desired, len(rev.groups())), first.message)}
}

// roleOf describes a pod: the leader of group 0, or worker 1 of group 0.
func roleOf(pod corev1.Pod) string {
	if isLeader(pod) {
		return fmt.Sprintf("the leader of group %d,", groupOf(pod))
	}
	return fmt.Sprintf("worker %s of group %d,", pod.Labels[LabelWorker], groupOf(pod))
}

// groupsProgressing applies if no pod has a diagnosis.
func groupsProgressing(rev revision, set *LeaderWorkerSet, ready, desired int) string {
	text := fmt.Sprintf("%d of %d groups of %d pods are ready", ready, desired, set.size())
	if missing := desired*set.size() - len(rev.pods); missing > 0 {
		text += fmt.Sprintf(", %s not created yet", plural(missing, "pod"))
	} else if ready >= desired {
		text += ", not counted as available yet"
	}
	return text
}
