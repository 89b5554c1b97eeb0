package status

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// endpoint evaluates the route. While a generation does not render, its kind is unknown, and
// the condition stays as it is.
func endpoint(observed Observed) result {
	route := observed.Route
	if scalesToZero(observed.Deploy) {
		route.started = observed.Deploy.Name
	}
	switch {
	case route.Kind == "":
		return unknownRoute(observed)
	case route.Kind == v1.EndpointNone:
		return result{metav1.ConditionTrue, v1.ReasonNoEndpoint, "the spec requests no endpoint"}
	case route.Forbidden != "":
		return result{metav1.ConditionFalse, v1.ReasonHostNotAllowed, route.Forbidden}
	case route.Owner != "":
		return result{
			metav1.ConditionFalse, v1.ReasonHostTaken,
			fmt.Sprintf("%s belongs to NpuDeploy %s", route.Host, route.Owner),
		}
	case route.Object == nil:
		return result{metav1.ConditionFalse, v1.ReasonRoutePending, fmt.Sprintf("the %s is not in place yet", route.Kind)}
	case route.Kind == v1.EndpointHTTPRoute:
		return accepted(route)
	case route.Kind == v1.EndpointInferencePool:
		return pooled(observed)
	}
	return routed(route)
}

// pooled evaluates the HTTPRoute, the InferencePool and the endpoint picker. Only those conditions of the pool count
// that gateways of this route set: other routes may refer to the pool.
func pooled(observed Observed) result {
	route := observed.Route
	if route.Pool == nil {
		return pending("the InferencePool is not in place yet")
	}
	gateways := parentsOf(route.Object)
	if result, rejected := rejectedBy(gateways, route.Object.GetGeneration(), ""); rejected {
		return result
	}
	parents := slices.DeleteFunc(parentsOf(route.Pool), func(p parent) bool {
		return !slices.ContainsFunc(gateways, func(gateway parent) bool { return gateway.ParentRef.Name == p.ParentRef.Name })
	})
	if result, rejected := rejectedBy(parents, route.Pool.GetGeneration(), " of the InferencePool"); rejected {
		return result
	}
	if picker := route.Picker; picker != nil && picker.Deployment.Status.ReadyReplicas == 0 {
		return withoutPicker(observed)
	}
	return routed(route)
}

// withoutPicker evaluates an endpoint picker without a ready pod.
func withoutPicker(observed Observed) result {
	reason, text := v1.ReasonPickerNotReady, fmt.Sprintf("endpoint picker %s has no ready pod", observed.Route.Picker.Deployment.Name)
	cause := pickerError(observed)
	if v1.IsPodFailure(cause.reason) {
		reason = v1.ReasonPickerFailed
	}
	if cause.message != "" {
		text += ": " + cause.message
	}
	return result{metav1.ConditionFalse, reason, text}
}

// pickerError returns why the endpoint picker has no ready pod. It is zero if the picker has no error. Its node is not
// observed.
func pickerError(observed Observed) diagnosis {
	observed.Workload, observed.Scheduling = *observed.Route.Picker, SchedulingContext{}
	if cause := creationError(observed.Workload.Deployment); cause != "" {
		return diagnosis{message: cause}
	}
	pods := observed.Workload.Pods
	if len(pods) == 0 {
		return diagnosis{}
	}
	newest := slices.MaxFunc(pods, func(a, b corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	switch d := diagnoseOne(observed, newest); d.reason {
	case v1.ReasonReady, v1.ReasonStarting, v1.ReasonProgressing:
		return diagnosis{}
	default:
		return d
	}
}

func unknownRoute(observed Observed) result {
	before := meta.FindStatusCondition(observed.Deploy.Status.Conditions, v1.ConditionEndpoint)
	switch _, applied := observed.results(); {
	case before != nil:
		return result{before.Status, before.Reason, before.Message}
	case applied.isFalse():
		return result{metav1.ConditionFalse, v1.ReasonNotApplied, "no route is in place"}
	}
	return result{metav1.ConditionUnknown, v1.ReasonNotObserved, "not observed yet"}
}

// routed evaluates kinds without a reliable status: an Ingress may work without an address,
// and Istio reports nothing by default. Backends without a ready pod are an error, unless a request starts one.
func routed(route Route) result {
	text := fmt.Sprintf("%s %s routes %s%s", route.Kind, route.Object.GetName(), route.Host, describeUnready(route.Shares))
	isServed := func(share v1.TrafficStatus) bool {
		waits := share.State == v1.BackendScaledToZero && share.Name == route.started
		return share.Weight > 0 && (share.State == v1.BackendReady || waits)
	}
	if len(route.Shares) > 0 && !slices.ContainsFunc(route.Shares, isServed) {
		return result{metav1.ConditionFalse, v1.ReasonBackendsNotReady, text}
	}
	return result{metav1.ConditionTrue, v1.ReasonRouted, text}
}

// describeUnready describes the backends without a ready pod, or returns "".
func describeUnready(shares []v1.TrafficStatus) string {
	var without, with []string
	for _, share := range shares {
		text := share.Name + " " + describeState(share.State)
		switch {
		case share.State == v1.BackendReady:
		case share.Weight == 0:
			without = append(without, text)
		default:
			with = append(with, text)
		}
	}
	text := ""
	if len(without) > 0 {
		text += "; no share for " + strings.Join(without, ", ")
	}
	if len(with) > 0 {
		text += "; weights are kept for " + strings.Join(with, ", ")
	}
	return text
}

func describeState(state v1.BackendState) string {
	if state == v1.BackendMissing {
		return "(missing)"
	}
	if state == v1.BackendScaledToZero {
		return "(scaled to zero)"
	}
	return "(no ready pod)"
}

// parent is a gateway's part of the status of an HTTPRoute or an InferencePool.
type parent struct {
	ParentRef struct {
		Name string `json:"name"`
	} `json:"parentRef"`
	Conditions []metav1.Condition `json:"conditions"`
}

// accepted evaluates the conditions of all gateways of the HTTPRoute.
func accepted(route Route) result {
	if result, rejected := rejectedBy(parentsOf(route.Object), route.Object.GetGeneration(), ""); rejected {
		return result
	}
	return routed(route)
}

// rejectedBy returns the first condition of gateways that is not True. Those of an earlier generation do not
// count. object completes the messages.
func rejectedBy(parents []parent, generation int64, object string) (first result, rejected bool) {
	for _, parent := range parents {
		for _, kind := range []string{"Accepted", "ResolvedRefs"} {
			condition := meta.FindStatusCondition(parent.Conditions, kind)
			if condition == nil || condition.ObservedGeneration < generation || condition.Status == metav1.ConditionUnknown {
				return pending(fmt.Sprintf("gateway %s has not reported a status%s yet", parent.ParentRef.Name, object)), true
			}
			if condition.Status != metav1.ConditionTrue {
				return result{
					metav1.ConditionFalse, v1.ReasonRouteNotAccepted,
					fmt.Sprintf("gateway %s%s: %s: %s", parent.ParentRef.Name, object, condition.Reason, condition.Message),
				}, true
			}
		}
	}
	if len(parents) == 0 {
		return pending(fmt.Sprintf("no gateway has reported a status%s yet", object)), true
	}
	return result{}, false
}

func pending(message string) result {
	return result{metav1.ConditionFalse, v1.ReasonRoutePending, message}
}

// parentsOf returns nil for a status of another shape, because other controllers write it.
func parentsOf(object metav1.Object) []parent {
	full, ok := object.(*unstructured.Unstructured)
	if !ok {
		return nil
	}
	var route struct {
		Status struct {
			Parents []parent `json:"parents"`
		} `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(full.Object, &route); err != nil {
		return nil
	}
	return route.Status.Parents
}
