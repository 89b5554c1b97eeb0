package apply_test

import (
	"context"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

func nowhere(context.Context, []v1.InventoryEntry) error { return nil }

// scale does what an autoscaler does.
func (s *stage) scale(replicas int32) {
	s.Helper()
	object := s.get(deployment)
	scale := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": autoscalingv1.SchemeGroupVersion.String(), "kind": "Scale",
		"metadata": map[string]any{"name": "web", "namespace": s.owner.Namespace},
		"spec":     map[string]any{"replicas": int64(replicas)},
	}}
	if err := s.client.SubResource("scale").Update(s.Context(), object, client.WithSubResourceBody(scale)); err != nil {
		s.Fatal(err)
	}
	s.awaitCache(s.get(deployment))
}

func TestReplicasAreHandedOffUnchanged(t *testing.T) {
	s := newStage(t)
	free := with(aDeployment, "  replicas: 3\n", "")
	s.wantApply("created Deployment web", aDeployment)
	s.wantApply("configured Deployment web", free)
	s.wantField(deployment, int64(3), "spec", "replicas")
	s.awaitCache(s.get(deployment))
	s.scale(7)
	s.wantQuiet(free)
	s.wantField(deployment, int64(7), "spec", "replicas")
}

func TestReplicasOfAFasterAutoscalerAreKept(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Deployment web", aDeployment)
	s.scale(5)
	s.wantApply("configured Deployment web", with(aDeployment, "  replicas: 3\n", ""))
	s.wantField(deployment, int64(5), "spec", "replicas")
}

func TestReplicasAreTakenBack(t *testing.T) {
	s := newStage(t)
	free := with(aDeployment, "  replicas: 3\n", "")
	s.wantApply("created Deployment web", free)
	s.wantField(deployment, int64(1), "spec", "replicas")
	s.scale(5)
	s.wantApply("configured Deployment web", aDeployment)
	s.wantField(deployment, int64(3), "spec", "replicas")
	s.wantApply("configured Deployment web", free)
	s.wantField(deployment, int64(3), "spec", "replicas")
}

func TestAdoptedDeploymentKeepsItsReplicas(t *testing.T) {
	s := newStage(t)
	free := with(aDeployment, "  replicas: 3\n", "")
	s.createForeign(with(aDeployment, "{name: web, namespace", "{annotations: {dudaji.com/adopt: web}, name: web, namespace"))
	s.wantApply("adopted Deployment web", free)
	s.wantField(deployment, int64(3), "spec", "replicas")
	s.awaitCache(s.get(deployment))
	s.scale(5)
	s.wantQuiet(free)
}
