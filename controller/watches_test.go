package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

func TestByOwnerReturnsTheControllerOrTheAdopter(t *testing.T) {
	t.Parallel()
	yes := true
	ours := metav1.OwnerReference{APIVersion: "dudaji.com/v1", Kind: "NpuDeploy", Name: "web", Controller: &yes}
	others := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "other", Controller: &yes}
	adopt := map[string]string{"dudaji.com/adopt": "adopter"}
	labels := map[string]string{"dudaji.com/npudeploy": "former"}
	for name, row := range map[string]struct {
		owners      []metav1.OwnerReference
		annotations map[string]string
		labels      map[string]string
		want        string
	}{
		"owned":                          {[]metav1.OwnerReference{ours}, nil, nil, "web"},
		"unowned":                        {nil, nil, nil, ""},
		"annotated":                      {nil, adopt, nil, "adopter"},
		"left behind":                    {nil, nil, labels, "former"},
		"annotated and owned by another": {[]metav1.OwnerReference{others}, adopt, labels, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := &unstructured.Unstructured{}
			object.SetNamespace("team")
			object.SetOwnerReferences(row.owners)
			object.SetAnnotations(row.annotations)
			object.SetLabels(row.labels)
			var want []types.NamespacedName
			if row.want != "" {
				want = []types.NamespacedName{{Namespace: "team", Name: row.want}}
			}
			if diff := cmp.Diff(want, byOwner("NpuDeploy")(t.Context(), object)); diff != "" {
				t.Errorf("owners (-want +got):\n%s", diff)
			}
		})
	}
}
