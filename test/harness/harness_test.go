package harness_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Workloads(), harness.Routes()) }

const deploy = `{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: web}, spec: {model: org/model}}`

func TestEachTestHasItsOwnNamespace(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	names := []string{h.Namespace, h.NewNamespace()}
	if names[0] == names[1] {
		t.Fatalf("two namespaces have the name %s", names[0])
	}
	for _, name := range names {
		if !h.Get(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}) {
			t.Errorf("there is no namespace %s", name)
		}
	}
	reserved := harness.New(t, harness.ReserveNamespace()).Namespace
	if h.Get(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: reserved}}) {
		t.Errorf("the reserved namespace %s exists", reserved)
	}
}

func TestCustomResourcesAreServed(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	if out := h.Kubectl("get", "npudeploys,virtualservices,httproutes,inferencepools,podmonitors,scaledobjects", "-n", h.Namespace); out != "" {
		t.Errorf("a new namespace has objects: %s", out)
	}
}

func TestPodRunsOnTheNodeOfItsTest(t *testing.T) {
	t.Parallel()
	h := newWithNode(t)
	h.Apply(pod(h, "model", ""))
	model := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: "model"}}
	h.AwaitObject(model, "readiness", func() bool { return isReady(model) })
	if model.Spec.NodeName != h.Namespace {
		t.Errorf("the pod is on %q, want %q", model.Spec.NodeName, h.Namespace)
	}
}

func TestPodWithManualStatusIsNotStarted(t *testing.T) {
	t.Parallel()
	h := newWithNode(t)
	h.Apply(pod(h, "manual", "nufi.test/status: manual"))
	manual := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: "manual"}}
	h.AwaitObject(manual, "a node", func() bool { return manual.Spec.NodeName != "" })

	// A later pod becomes ready, so this one would have, too.
	h.Apply(pod(h, "later", ""))
	later := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: "later"}}
	h.AwaitObject(later, "readiness", func() bool { return isReady(later) })
	if h.Get(manual); manual.Status.Phase != corev1.PodPending {
		t.Errorf("the phase is %s", manual.Status.Phase)
	}
}

// newWithNode returns a harness with a node that is named after its namespace.
func newWithNode(t *testing.T) *harness.Harness {
	t.Helper()
	h := harness.New(t)
	h.AddNodes(cluster.Node{Name: h.Namespace, Labels: map[string]string{"test": h.Namespace}})
	return h
}

func pod(h *harness.Harness, name, annotation string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s, annotations: {%s}}, `+
		`spec: {nodeSelector: {test: %s}, containers: [{name: server, image: example.com/server}]}}`, name, annotation, h.Namespace)
}

func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func TestAwaitObjectFollowsAnObjectFromBeforeItsCreationToItsEnd(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	created := make(chan struct{})
	go func() {
		defer close(created)
		h.Apply(deploy)
	}()
	web := h.NpuDeploy("web")
	h.AwaitObject(web, "its creation", func() bool { return true })
	<-created
	h.Patch(h.NpuDeploy("web"), `{"spec":{"model":"org/other"}}`)
	h.AwaitObject(web, "the new model", func() bool { return web.Spec.Model == "org/other" })
	h.Delete(h.NpuDeploy("web"))
	h.AwaitGone(web)
	if h.Get(web) {
		t.Error("the NpuDeploy exists")
	}
}

func TestAwaitConditionIgnoresAnEarlierGeneration(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	h.Apply(deploy)
	web := h.NpuDeploy("web")
	setReady(h, "first")
	h.AwaitCondition(web, v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
	h.Patch(h.NpuDeploy("web"), `{"spec":{"model":"org/other"}}`)
	updated := make(chan struct{})
	go func() {
		defer close(updated)
		setReady(h, "second")
	}()
	if condition := h.AwaitCondition(web, v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady); condition.Message != "second" {
		t.Errorf("the condition is of generation %d: %s", condition.ObservedGeneration, condition.Message)
	}
	<-updated
}

func setReady(h *harness.Harness, message string) {
	web := h.NpuDeploy("web")
	h.Get(web)
	web.Status.Conditions = []metav1.Condition{{
		Type: v1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1.ReasonReady, Message: message,
		ObservedGeneration: web.Generation, LastTransitionTime: metav1.Now(),
	}}
	h.Must(h.Client.Status().Update(h.Context(), web))
}

func TestStateShowsObjectsConditionsAndEvents(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	h.Apply(deploy)
	setReady(h, "serves")
	h.Create(&corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: h.Namespace, Name: "event"},
		InvolvedObject: corev1.ObjectReference{Namespace: h.Namespace, Kind: "NpuDeploy", Name: "web"},
		Type:           corev1.EventTypeWarning, Reason: "Conflict", Message: "another manager",
	})
	web := h.NpuDeploy("web")
	h.Get(web)
	state := h.State(web)
	for _, part := range []string{"model: org/model", "Ready True Ready (generation 1): serves", "Event Warning Conflict NpuDeploy/web: another manager"} {
		if !strings.Contains(state, part) {
			t.Errorf("the state lacks %q: %s", part, state)
		}
	}
	if strings.Contains(state, "managedFields") {
		t.Error("the state shows managed fields")
	}
}

func TestBindGrantsARoleInOneNamespace(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	h.Install("bundle/rbac/user_roles.yaml")
	h.Bind("nufi-view", h.Namespace, h.Namespace+"-vic")
	vic := harness.User{Name: h.Namespace + "-vic"}
	h.AwaitAllowed(vic, "list dudaji.com/npudeploys", h.Namespace)
	for access, namespace := range map[string]string{
		"list dudaji.com/npudeploys":        "default",
		"create dudaji.com/npudeploys":      h.Namespace,
		"patch dudaji.com/npudeploys.scale": h.Namespace,
	} {
		if h.Allowed(vic, access, namespace) {
			t.Errorf("%s in %s is allowed", access, namespace)
		}
	}
	if err := h.ClientAs(vic.Name).List(t.Context(), &v1.NpuDeployList{}, client.InNamespace(h.Namespace)); err != nil {
		t.Error(err)
	}
}

func TestParseReadsEachDocument(t *testing.T) {
	t.Parallel()
	h := harness.New(t, harness.ReserveNamespace())
	objects := h.Parse("---\n# nothing\n---\n{kind: A, count: 1}\n---\nkind: B\nin: NAMESPACE\n")
	if len(objects) != 2 || objects[0].Object["count"] != int64(1) || objects[1].Object["in"] != h.Namespace {
		t.Errorf("got %v and %v", objects[0], objects[1])
	}
}
