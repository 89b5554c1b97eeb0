package dashboard_test

import (
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
)

// markup must be shown as text. The screenshots of the docs have none.
var markup = func() string {
	if takesScreenshots {
		return ""
	}
	return `"><img src=x onerror=alert(1)><script>alert(1)</script>`
}()

// hostile is the end of a message, with markup.
var hostile = "in the graph compiler" + markup

// deploys are ready, waiting for devices, crashing, scaled down and invalid.
const deploys = `
{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: llama-8b, namespace: ml}, spec: {
  model: meta-llama/Meta-Llama-3.1-8B-Instruct, accelerator: {type: atom, count: 8}, inferenceServer: {replicas: 2},
  endpoint: {host: llama-8b.nufi.me, kind: VirtualService}}}
---
{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: llama-70b, namespace: ml}, spec: {
  model: meta-llama/Meta-Llama-3.1-70B-Instruct, accelerator: {type: atom, count: 32},
  endpoint: {host: llama-70b.nufi.me, kind: VirtualService}}}
---
{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: qwen-7b, namespace: ml}, spec: {
  model: Qwen/Qwen2.5-7B-Instruct, accelerator: {type: atom, count: 4}, podMetadata: {annotations: {nufi.test/status: manual}},
  endpoint: {host: qwen-7b.nufi.me, kind: VirtualService}}}
---
{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: exaone-8b, namespace: search}, spec: {
  model: LGAI-EXAONE/EXAONE-3.5-7.8B-Instruct, accelerator: {type: atom, count: 4}, inferenceServer: {replicas: 0},
  endpoint: {host: exaone-8b.nufi.me, kind: VirtualService}}}
---
{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: solar-10b, namespace: search}, spec: {
  model: upstage/SOLAR-10.7B-Instruct-v1.0, accelerator: {type: atom, count: 3}}}
---
{apiVersion: dudaji.com/v1, kind: Project, metadata: {name: vision}, spec: {
  displayName: Computer vision, description: 'Models that read images', members: [{kind: User, name: ann, role: Editor}],
  quota: {accelerators: [{type: atom, count: 8}]}, hostSuffixes: [vision.nufi.me]}}
`

var setUp sync.Once

// newServer returns a server whose cluster has the deploys. ann edits ml and views search, vic views
// ml, and pat may do everything. The tests do not run in parallel.
func newServer(tb testing.TB, change ...func(*api.Options)) *apitest.Server {
	tb.Helper()
	h := harness.New(tb, harness.ReserveNamespace())
	h.Namespace = "ml"
	controllers.Start(h)
	setUp.Do(func() { populate(h) })
	return apitest.Start(h, change...)
}

func populate(h *harness.Harness) {
	h.Helper()
	for _, name := range []string{"npu-node-1", "npu-node-2"} {
		h.AddNodes(cluster.Node{
			Name: name, Labels: map[string]string{"rebellions.ai/npu.family": "ATOM"},
			Devices: map[corev1.ResourceName]string{"rebellions.ai/npu": "16"},
		})
	}
	for _, name := range []string{"ml", "search"} {
		h.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		h.AwaitObject(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "default"}}, "its creation", func() bool { return true })
	}
	h.Install("bundle/rbac/user_roles.yaml", "bundle/rbac/project_roles.yaml")
	h.Bind("nufi-project-editor", "ml", "ann")
	h.Bind("nufi-project-viewer", "search", "ann")
	h.Bind("nufi-project-viewer", "ml", "vic")
	h.Bind("cluster-admin", "", "pat")
	h.AwaitAllowed(harness.User{Name: "ann"}, "create dudaji.com/npudeploys", "ml")
	h.AwaitAllowed(harness.User{Name: "pat"}, "create dudaji.com/projects", "")
	h.AwaitAllowed(harness.User{Name: "ann"}, "list dudaji.com/npudeploys", "search")
	h.AwaitAllowed(harness.User{Name: "vic"}, "list dudaji.com/npudeploys", "ml")
	h.Apply(deploys)
	h.AwaitCondition(h.NpuDeploy("llama-8b"), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
	h.AwaitCondition(h.NpuDeploy("llama-70b"), v1.ConditionAvailable, metav1.ConditionFalse, v1.ReasonNoFreeDevice)
	crash(h, "qwen-7b")
	h.AwaitAllowed(harness.User{Name: "ann"}, "create dudaji.com/npudeploys", "vision")
	project := &v1.Project{ObjectMeta: metav1.ObjectMeta{Name: "vision"}}
	h.AwaitCondition(project, v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
	invalid := &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Namespace: "search", Name: "solar-10b"}}
	h.AwaitCondition(invalid, v1.ConditionRendered, metav1.ConditionFalse, v1.ReasonInvalidSpec)
}

// crash makes the container of a deployment exit, with markup in its last message.
func crash(h *harness.Harness, name string) {
	h.Helper()
	setContainer(h, name, corev1.ContainerStatus{
		RestartCount: 7,
		State:        corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 5m0s restarting failed container"}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: 1, Reason: "Error", Message: "RuntimeError: cannot compile the model for 4 devices " + hostile,
			StartedAt: metav1.Now(), FinishedAt: metav1.Now(),
		}},
	}, v1.ReasonCrashLoop)
}

// setContainer writes the status of the only pod of a deployment, whose pods no kubelet runs, and
// awaits its reason.
func setContainer(h *harness.Harness, name string, container corev1.ContainerStatus, reason string) {
	h.Helper()
	pods := &corev1.PodList{}
	h.Await("a scheduled pod of "+name, func() bool {
		h.Must(h.Client.List(h.Context(), pods, client.InNamespace("ml"), client.MatchingLabels{v1.LabelDeploy: name}))
		return len(pods.Items) == 1 && pods.Items[0].Spec.NodeName != ""
	})
	pod := &pods.Items[0]
	container.Name, container.Image = "server", pod.Spec.Containers[0].Image
	pod.Status.Phase, pod.Status.ContainerStatuses = corev1.PodRunning, []corev1.ContainerStatus{container}
	h.Must(h.Client.Status().Update(h.Context(), pod))
	h.AwaitCondition(h.NpuDeploy(name), v1.ConditionAvailable, metav1.ConditionFalse, reason)
}
