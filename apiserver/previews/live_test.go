package previews

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/render"
)

func TestDeletionDeletesTheClaimsThatAreRendered(t *testing.T) {
	t.Parallel()
	result := &render.Result{}
	for _, manifest := range []string{
		"{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: own}}",
		`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {volumes: [
			{name: a, persistentVolumeClaim: {claimName: own}}, {name: b, persistentVolumeClaim: {claimName: shared}}]}}}}`,
	} {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
			t.Fatal(err)
		}
		result.Objects = append(result.Objects, object)
	}
	if diff := cmp.Diff([]claim{{"own", true}, {"shared", false}}, newDeletion(result, "").Claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if d := newDeletion(nil, "http://web"); len(d.Objects)+len(d.Claims) > 0 || d.URL != "http://web" {
		t.Errorf("without a result: %+v", d)
	}
}
