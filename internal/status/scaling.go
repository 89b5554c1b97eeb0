package status

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// setScaling sets the condition Scaling, which is absent without spec.scaling. Ready does not depend
// on it: the pods that exist serve.
func setScaling(next *v1.NpuDeployStatus, conditions conditions, observed Observed, available result) {
	if observed.Deploy.Spec.Scaling == nil {
		removeCondition(&next.Conditions, v1.ConditionScaling)
		return
	}
	if observed.Render.Reason == v1.ReasonRendered {
		conditions.set(v1.ConditionScaling, scaling(observed, available))
	}
}

func scaling(observed Observed, available result) result {
	autoscaler, workload := observed.Autoscaler, observed.Workload
	if autoscaler == nil || !workload.exists() {
		return result{metav1.ConditionFalse, v1.ReasonScalingPending, "the autoscaler is not in place yet"}
	}
	if workload.desired() == 0 && isDisabledAtZero(autoscaler, observed.Deploy) {
		return result{
			metav1.ConditionFalse, v1.ReasonScalingDisabled,
			"replicas was set to 0, which disables the autoscaler: run kubectl scale " + workload.kubectlName() + " --replicas=1",
		}
	}
	if state := autoscalerState(autoscaler); state.status == metav1.ConditionFalse {
		return state
	}
	return scaledNumber(observed, available)
}

// scaledNumber evaluates the number that a working autoscaler has set.
func scaledNumber(observed Observed, available result) result {
	noun, kind := "pods", "Deployment"
	if observed.Workload.Groups != nil {
		noun, kind = "groups", "LeaderWorkerSet"
	}
	desired := observed.Workload.desired()
	minimum, maximum := orOne(observed.Deploy.Spec.Scaling.Min), int(observed.Deploy.Spec.Scaling.Max)
	text := fmt.Sprintf("wants %d of %d to %d %s", desired, minimum, maximum, noun)
	switch {
	case desired == 0 && minimum == 0:
		return result{metav1.ConditionTrue, v1.ReasonScaling, text + ": a request that waits starts the first"}
	case desired < minimum || desired > maximum:
		return result{
			metav1.ConditionFalse, v1.ReasonScalingOverridden,
			fmt.Sprintf("%d %s are desired, and min and max are %d and %d: another client scaled the %s", desired, noun, minimum, maximum, kind),
		}
	case available.reason == v1.ReasonNoFreeDevice:
		return result{metav1.ConditionFalse, v1.ReasonScalingLimited, fmt.Sprintf("%s, devices for %d", text, placed(observed))}
	case available.reason == v1.ReasonQuotaExceeded:
		return result{metav1.ConditionFalse, v1.ReasonScalingLimited, fmt.Sprintf("%s, quota for %d", text, placed(observed))}
	case available.reason == v1.ReasonQueued:
		return result{metav1.ConditionFalse, v1.ReasonScalingLimited, fmt.Sprintf("%s, %d placed", text, placed(observed))}
	}
	return result{metav1.ConditionTrue, v1.ReasonScaling, text}
}

// isDisabledAtZero reports whether the autoscaler leaves 0 replicas as they are. A HorizontalPodAutoscaler
// continues if it set the number itself, and KEDA as long as no trigger fails, or if it may set 0 itself.
func isDisabledAtZero(autoscaler *unstructured.Unstructured, deploy *v1.NpuDeploy) bool {
	conditions := autoscalerConditions(autoscaler)
	if autoscaler.GetKind() == "ScaledObject" {
		return !scalesToZero(deploy) && meta.IsStatusConditionFalse(conditions, "Ready")
	}
	return !meta.IsStatusConditionTrue(conditions, "ScaledToZero")
}

// scalesToZero reports whether the autoscaler may remove the last pod.
func scalesToZero(deploy *v1.NpuDeploy) bool {
	return deploy.Spec.Scaling != nil && orOne(deploy.Spec.Scaling.Min) == 0
}

// autoscalerState returns the result of the conditions of an autoscaler: False if one of them is an error or
// none is set.
func autoscalerState(autoscaler *unstructured.Unstructured) result {
	state := result{
		metav1.ConditionFalse, v1.ReasonScalingPending,
		fmt.Sprintf("the %s %s has no status yet: check that its controller runs", autoscaler.GetKind(), autoscaler.GetName()),
	}
	for _, condition := range autoscalerConditions(autoscaler) {
		switch {
		case !isRequired(condition.Type):
		case condition.Status == metav1.ConditionFalse:
			return result{metav1.ConditionFalse, v1.ReasonScalingFailed, condition.Reason + ": " + condition.Message}
		case condition.Status == metav1.ConditionTrue:
			state = result{metav1.ConditionTrue, v1.ReasonScaling, ""}
		}
	}
	return state
}

// isRequired reports whether a HorizontalPodAutoscaler or a ScaledObject scales only with the
// condition. Ready of a ScaledObject does not depend on HPAActive.
func isRequired(conditionType string) bool {
	switch conditionType {
	case "AbleToScale", "ScalingActive", "Ready", "HPAActive":
		return true
	}
	return false
}

// placed returns the number of pods of the current revision that have a node, or of groups of which
// all pods have one.
func placed(observed Observed) int {
	rev, hasNode := currentRevision(observed.Workload), func(pod corev1.Pod) bool { return pod.Spec.NodeName != "" }
	if set := observed.Workload.Groups; set != nil {
		return rev.groupsWhere(set.size(), hasNode)
	}
	count := 0
	for _, pod := range rev.pods {
		if hasNode(pod) {
			count++
		}
	}
	return count
}

// kubectlName is the argument that names the workload on kubectl's command line.
func (w Workload) kubectlName() string {
	if w.Groups != nil {
		return "leaderworkerset/" + w.Groups.Name
	}
	return "deployment/" + w.Deployment.Name
}

func autoscalerConditions(autoscaler *unstructured.Unstructured) []metav1.Condition {
	var object struct {
		Status struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(autoscaler.Object, &object); err != nil {
		return nil
	}
	return object.Status.Conditions
}
