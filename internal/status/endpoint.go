package status

import (
	"fmt"
	"slices"
	"strings"

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
	}
	return routed(route)
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
// and Istio reports nothing by default.
func routed(route Route) result {
	text := fmt.Sprintf("%s %s routes %s%s", route.Kind, route.Object.GetName(), route.Host, describeUnready(route.Shares))
	isServed := func(share v1.TrafficStatus) bool { return share.Weight > 0 && share.State == v1.BackendReady }
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

// parent is a gateway's part of an HTTPRoute's status.
type parent struct {
	ParentRef struct {
		Name string `json:"name"`
	} `json:"parentRef"`
	Conditions []metav1.Condition `json:"conditions"`
}

// accepted evaluates the conditions of all gateways of the HTTPRoute. Those of an earlier generation
// do not count.
func accepted(route Route) result {
	parents := parentsOf(route.Object)
	for _, parent := range parents {
		for _, kind := range []string{"Accepted", "ResolvedRefs"} {
			condition := meta.FindStatusCondition(parent.Conditions, kind)
			if condition == nil || condition.ObservedGeneration < route.Object.GetGeneration() {
				return pending(fmt.Sprintf("gateway %s has not reported a status yet", parent.ParentRef.Name))
			}
			if condition.Status != metav1.ConditionTrue {
				return result{
					metav1.ConditionFalse, v1.ReasonRouteNotAccepted,
					fmt.Sprintf("gateway %s: %s: %s", parent.ParentRef.Name, condition.Reason, condition.Message),
				}
			}
		}
	}
	if len(parents) == 0 {
		return pending("no gateway has reported a status yet")
	}
	return routed(route)
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
