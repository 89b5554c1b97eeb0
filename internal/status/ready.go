package status

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// rendered repeats what render reported.
func rendered(observed Observed) verdict {
	return reported(observed.Render, v1.ReasonRendered, "the spec and the templates yield manifests")
}

// applied repeats what apply reported, unless there was nothing to apply.
func applied(observed Observed) verdict {
	if rendered(observed).status == metav1.ConditionFalse {
		return verdict{
			metav1.ConditionFalse, v1.ReasonNotRendered,
			"nothing of this generation was applied; what was applied before stays in place",
		}
	}
	return reported(observed.Apply, v1.ReasonApplied, "all manifests are in place")
}

func reported(outcome Outcome, success, message string) verdict {
	switch outcome.Reason {
	case "":
		return verdict{metav1.ConditionUnknown, v1.ReasonNotObserved, "not known yet"}
	case success:
		return verdict{metav1.ConditionTrue, success, message}
	}
	return verdict{metav1.ConditionFalse, outcome.Reason, outcome.Message}
}

// ready sums up. A fault is told before what merely takes time, and that before
// what is not known: a host that is taken matters more than a pod that starts.
func ready(rendered, applied, available, endpoint verdict) verdict {
	if part, blocks := blocking(rendered, applied, available, endpoint); blocks {
		return part
	}
	summary := verdict{metav1.ConditionTrue, v1.ReasonReady, available.message}
	if available.reason == v1.ReasonScaledToZero {
		summary.reason = v1.ReasonScaledToZero
	}
	return summary
}

func blocking(parts ...verdict) (verdict, bool) {
	for _, blocks := range []func(verdict) bool{isFault, isFalse, isUnknown} {
		if i := slices.IndexFunc(parts, blocks); i >= 0 {
			return parts[i], true
		}
	}
	return verdict{}, false
}

func isFault(part verdict) bool {
	switch part.reason {
	case v1.ReasonNotRendered, v1.ReasonNotApplied, v1.ReasonStarting,
		v1.ReasonProgressing, v1.ReasonRoutePending:
		return false
	}
	return isFalse(part)
}

func isFalse(part verdict) bool   { return part.status == metav1.ConditionFalse }
func isUnknown(part verdict) bool { return part.status == metav1.ConditionUnknown }

// stalled tells faults that neither time, nor the cluster, nor the platform team
// heals.
func stalled(rendered, applied verdict) (verdict, bool) {
	for _, part := range []verdict{rendered, applied} {
		if part.reason == v1.ReasonInvalidSpec || part.reason == v1.ReasonImmutable {
			return verdict{metav1.ConditionTrue, part.reason, part.message}, true
		}
	}
	return verdict{}, false
}
