package render

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// sortForApply orders objects so that what others refer to exists before them, and
// otherwise by kind and name.
func sortForApply(objects []*unstructured.Unstructured) {
	slices.SortFunc(objects, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(
			cmp.Compare(stage(a.GetKind()), stage(b.GetKind())),
			strings.Compare(a.GetKind(), b.GetKind()),
			strings.Compare(a.GetName(), b.GetName()),
		)
	})
}

func stage(kind string) int {
	switch kind {
	case "Namespace":
		return 0
	case "ServiceAccount":
		return 1
	case "Service":
		return 2
	case "Deployment":
		return 3
	default:
		return 4
	}
}
