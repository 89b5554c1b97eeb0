package apply_test

import (
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// scale does what an autoscaler does.
func (f *fixture) scale(replicas int32) {
	f.Helper()
	object := f.get(deployment)
	scale := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": autoscalingv1.SchemeGroupVersion.String(), "kind": "Scale",
		"metadata": map[string]any{"name": "web", "namespace": f.owner.Namespace},
		"spec":     map[string]any{"replicas": int64(replicas)},
	}}
	f.Must(f.Client.SubResource("scale").Update(f.Context(), object, client.WithSubResourceBody(scale)))
	f.awaitCache(f.get(deployment))
}

func TestReplicasAreHandedOffUnchanged(t *testing.T) {
	f := newFixture(t)
	free := with(aDeployment, "  replicas: 3\n", "")
	f.wantApply("created Deployment web", aDeployment)
	f.wantApply("configured Deployment web", free)
	f.wantField(deployment, int64(3), "spec", "replicas")
	f.awaitCache(f.get(deployment))
	f.scale(7)
	f.wantQuiet(free)
	f.wantField(deployment, int64(7), "spec", "replicas")
}

func TestReplicasOfAFasterAutoscalerAreKept(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Deployment web", aDeployment)
	f.scale(5)
	f.wantApply("configured Deployment web", with(aDeployment, "  replicas: 3\n", ""))
	f.wantField(deployment, int64(5), "spec", "replicas")
}

func TestReplicasAreTakenBack(t *testing.T) {
	f := newFixture(t)
	free := with(aDeployment, "  replicas: 3\n", "")
	f.wantApply("created Deployment web", free)
	f.wantField(deployment, int64(1), "spec", "replicas")
	f.scale(5)
	f.wantApply("configured Deployment web", aDeployment)
	f.wantField(deployment, int64(3), "spec", "replicas")
	f.wantApply("configured Deployment web", free)
	f.wantField(deployment, int64(3), "spec", "replicas")
}

// The informer has not seen that the replicas are ours when the manifest releases them.
func TestReplicasAreHandedOffWhileTheInformerLags(t *testing.T) {
	f := newFixture(t)
	free := with(aDeployment, "  replicas: 3\n", "")
	f.wantApply("created Deployment web", free)
	f.awaitCache(f.get(deployment))
	for range 10 {
		f.wantApply("configured Deployment web", aDeployment)
		f.wantApply("configured Deployment web", free)
		f.wantField(deployment, int64(3), "spec", "replicas")
	}
}

func TestAdoptedDeploymentKeepsItsReplicas(t *testing.T) {
	f := newFixture(t)
	free := with(aDeployment, "  replicas: 3\n", "")
	f.createForeign(with(aDeployment, "{name: web, namespace", "{annotations: {dudaji.com/adopt: web}, name: web, namespace"))
	f.wantApply("adopted Deployment web", free)
	f.wantField(deployment, int64(3), "spec", "replicas")
	f.awaitCache(f.get(deployment))
	f.scale(5)
	f.wantQuiet(free)
}
