package status

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// endpoint judges the route. While a generation does not render, its kind is not
// known, and what was said of the one before stays.
func endpoint(observed Observed) verdict {
	route := observed.Route
	switch {
	case route.Kind == "":
		return unknownRoute(observed)
	case route.Kind == v1.EndpointNone:
		return verdict{metav1.ConditionTrue, v1.ReasonNoEndpoint, "the spec asks for none"}
	case route.Refused != "":
		return verdict{metav1.ConditionFalse, v1.ReasonHostNotAllowed, route.Refused}
	case route.Owner != "":
		return verdict{
			metav1.ConditionFalse, v1.ReasonHostTaken,
			fmt.Sprintf("%s belongs to NpuDeploy %s, which is older", route.Host, route.Owner),
		}
	case route.Object == nil:
		return verdict{metav1.ConditionFalse, v1.ReasonRoutePending, fmt.Sprintf("the %s is not in place yet", route.Kind)}
	case route.Kind == v1.EndpointHTTPRoute:
		return accepted(route)
	}
	return routed(route)
}

func unknownRoute(observed Observed) verdict {
	before := meta.FindStatusCondition(observed.Deploy.Status.Conditions, v1.ConditionEndpoint)
	switch {
	case before != nil:
		return verdict{before.Status, before.Reason, before.Message}
	case applied(observed).status == metav1.ConditionFalse:
		return verdict{metav1.ConditionFalse, v1.ReasonNotApplied, "no route is in place"}
	}
	return verdict{metav1.ConditionUnknown, v1.ReasonNotObserved, "not known yet"}
}

// routed is for kinds that have no say: an Ingress may work without ever getting an
// address, and Istio reports nothing by default.
func routed(route Route) verdict {
	return verdict{
		metav1.ConditionTrue, v1.ReasonRouted,
		fmt.Sprintf("%s %s routes %s", route.Kind, route.Object.GetName(), route.Host),
	}
}

// parent is a gateway's answer: the part of an HTTPRoute's status that is read here.
type parent struct {
	ParentRef struct {
		Name string `json:"name"`
	} `json:"parentRef"`
	Conditions []metav1.Condition `json:"conditions"`
}

// accepted asks every gateway that the HTTPRoute names. None of them has answered
// while there are no parents, or only answers to an earlier generation.
func accepted(route Route) verdict {
	parents := parentsOf(route.Object)
	for _, parent := range parents {
		for _, kind := range []string{"Accepted", "ResolvedRefs"} {
			condition := meta.FindStatusCondition(parent.Conditions, kind)
			if condition == nil || condition.ObservedGeneration < route.Object.GetGeneration() {
				return pending(fmt.Sprintf("gateway %s has not answered yet", parent.ParentRef.Name))
			}
			if condition.Status != metav1.ConditionTrue {
				return verdict{
					metav1.ConditionFalse, v1.ReasonRouteNotAccepted,
					fmt.Sprintf("gateway %s: %s: %s", parent.ParentRef.Name, condition.Reason, condition.Message),
				}
			}
		}
	}
	if len(parents) == 0 {
		return pending("no gateway has answered yet")
	}
	return routed(route)
}

func pending(message string) verdict {
	return verdict{metav1.ConditionFalse, v1.ReasonRoutePending, message}
}

// parentsOf returns nothing for a status of another shape: who wrote it is not us.
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
