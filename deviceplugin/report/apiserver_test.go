package report_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/inventory"
	"github.com/dudaji/nufi/deviceplugin/inventory/inventorytest"
	"github.com/dudaji/nufi/deviceplugin/report"
	"github.com/dudaji/nufi/test/harness"
)

const namespace = "nufi-deviceplugin"

func TestMain(m *testing.M) { harness.Main(m) }

// plugin is the device plugin's bundle in a cluster, with the access of a pod on the node "mine".
type plugin struct {
	*harness.Harness

	config *rest.Config
}

// The steps share what is installed. The plugin's requests carry the token of a pod on its
// node.
func TestReportsToAPIServer(t *testing.T) {
	h := harness.New(t)
	bundle := h.Path("bundle", "deviceplugin")
	h.Kubectl("apply", "-k", bundle)
	h.Kubectl("apply", "-k", bundle) // A second time, as an upgrade does.
	for _, name := range []string{"mine", "other"} {
		h.Create(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}})
		setConditions(h, name, corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue})
	}
	config := configOfPod(h, "mine")
	awaitPolicy(h, config)

	// client-go keeps connections to the API server.
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"))

	for _, step := range []struct {
		name  string
		check func(plugin)
	}{
		{"the condition follows the devices", conditionFollows},
		{"a transition is one event", oneEvent},
		{"nothing else of a node can be written", writesNothingElse},
		{"the account has its rights and no others", hasItsRights},
		{"the DaemonSet stays within its limits", takesLittle},
		{"another accelerator is another DaemonSet", takesAnother},
	} {
		t.Run(step.name, func(t *testing.T) { step.check(plugin{harness.New(t), config}) })
	}
}

func conditionFollows(p plugin) {
	devices := inventorytest.New(device(health.Healthy, true))
	stop := runCondition(p, devices)
	first := awaitStatus(p, corev1.ConditionTrue)
	if first.Reason != "DevicesAvailable" || first.Message != "all 1 devices of sapeon.com/snx3 are available" {
		p.Errorf("got %s: %s", first.Reason, first.Message)
	}
	devices.Set(device(health.Unhealthy, false))
	failed := awaitStatus(p, corev1.ConditionFalse)
	if want := "0000:3b:00.0 is Unhealthy: DeviceNodeMissing: /dev/snx3_0 does not exist"; !strings.HasSuffix(failed.Message, want) {
		p.Errorf("got %s", failed.Message)
	}
	stop()

	hourAgo := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	failed.LastTransitionTime = hourAgo
	setConditions(p.Harness, "mine", corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue}, failed)
	runCondition(p, inventorytest.New(device(health.Recovering, false)))
	again := awaitMessage(p, "is Recovering")
	if !again.LastTransitionTime.Equal(&hourAgo) {
		p.Errorf("a restart of the plugin moved the transition from %s to %s", hourAgo, again.LastTransitionTime)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}
	if p.Get(node); len(node.Status.Conditions) != 2 {
		p.Errorf("the kubelet's condition is gone: %v", node.Status.Conditions)
	}
}

func oneEvent(p plugin) {
	api, err := report.NewAPI(p.config)
	if err != nil {
		p.Fatal(err)
	}
	events := report.NewEvents(api, "mine", "sapeon.com/snx3", clock.RealClock{})
	run(p, events.Run)
	entry := device(health.Unhealthy, false)
	transition := inventory.Transition{
		Device: entry.Device, From: health.Suspect, To: health.Unhealthy, Reason: entry.Health.Reason, At: time.Now(),
	}
	events.Notify(transition)
	events.Notify(transition) // as after a post without an answer
	later := transition
	later.From, later.To, later.At = health.Unhealthy, health.Recovering, transition.At.Add(time.Second)
	events.Notify(later)
	p.AwaitKubectl("Normal DeviceRecovering\nWarning DeviceUnhealthy", "get", "events", "-n", "default",
		"--field-selector=involvedObject.name=mine", "--sort-by=.type", `-o=jsonpath={range .items[*]}{.type} {.reason}{"\n"}{end}`)
	if out := p.Kubectl("describe", "node", "mine"); !strings.Contains(out, "DeviceUnhealthy") {
		p.Errorf("kubectl describe node does not show the event:\n%s", out)
	}
}

func writesNothingElse(p plugin) {
	client := clientOf(p.Harness, p.config)
	condition := `{"status":{"conditions":[{"type":"%s","status":"True","reason":"R","message":"m"}]}}`
	for name, c := range map[string]struct{ node, patch, message string }{
		"another node":            {"other", fmt.Sprintf(condition, "X330Healthy"), "may not write the status of node other"},
		"the kubelet's condition": {"mine", fmt.Sprintf(condition, "Ready"), "may write no condition but those that end in Healthy"},
		"devices":                 {"mine", `{"status":{"capacity":{"sapeon.com/snx3":"64"}}}`, "may write nothing of a node's status but conditions"},
		"the node's address":      {"mine", `{"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.1"}]}}`, "may write nothing of a node's status but conditions"},
		"labels":                  {"mine", `{"metadata":{"labels":{"pool":"trusted"}}}`, "may not write a node's metadata"},
	} {
		_, err := client.CoreV1().Nodes().Patch(p.Context(), c.node, types.StrategicMergePatchType, []byte(c.patch), metav1.PatchOptions{}, "status")
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), c.message) {
			p.Errorf("%s: got %v", name, err)
		}
	}
	_, err := client.CoreV1().Nodes().Patch(p.Context(), "mine", types.StrategicMergePatchType, []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{})
	if !apierrors.IsForbidden(err) {
		p.Errorf("the node's specification: got %v", err)
	}
}

func hasItsRights(p plugin) {
	account := harness.ServiceAccount(namespace, "nufi-deviceplugin")
	for _, c := range []struct {
		access, namespace string
		want              bool
	}{
		{"get nodes", "", true},
		{"patch nodes.status", "", true},
		{"create events", "default", true},
		{"list nodes", "", false},
		{"watch nodes", "", false},
		{"patch nodes", "", false},
		{"update nodes.status", "", false},
		{"create events", "ml", false},
		{"patch events", "default", false},
		{"get pods", "ml", false},
		{"get secrets", namespace, false},
		{"create serviceaccounts.token", namespace, false},
	} {
		if got := p.Allowed(account, c.access, c.namespace); got != c.want {
			p.Errorf("%s in %q: allowed %t, want %t", c.access, c.namespace, got, c.want)
		}
	}
}

// takesAnother installs the second accelerator of docs/device-plugin.md.
func takesAnother(p plugin) {
	dir := p.TempDir()
	up, err := filepath.Rel(dir, p.Path("bundle", "deviceplugin"))
	p.Must(err)
	for name, text := range map[string]string{
		"devices.yaml": "version: v1\n",
		"kustomization.yaml": `
resources: [` + up + `/daemonset]
components: [` + up + `/described, ` + up + `/cdi]
configMapGenerator:
- {name: devices, namespace: nufi-deviceplugin, files: [devices.yaml]}
labels:
- {pairs: {accelerator: atom}, includeSelectors: true}
nameSuffix: -atom
patches:
- target: {kind: DaemonSet}
  patch: |
    - {op: replace, path: /spec/template/spec/tolerations/2/key, value: rebellions.ai/ATOM}
`,
	} {
		p.Must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	p.Kubectl("apply", "-k", dir)
	set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "nufi-deviceplugin-atom"}}
	p.Get(set)
	pod := set.Spec.Template.Spec
	want := []string{"--host-root=/host", "--devices=/etc/nufi/devices.yaml", "--cdi=always"}
	if diff := cmp.Diff(want, pod.Containers[0].Args); diff != "" {
		p.Errorf("arguments: -want +got:\n%s", diff)
	}
	own := corev1.Toleration{Key: "rebellions.ai/ATOM", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}
	if !slices.Contains(pod.Tolerations, own) {
		p.Errorf("it tolerates %v", pod.Tolerations)
	}
	if set.Spec.Selector.MatchLabels["accelerator"] != "atom" || pod.ServiceAccountName != "nufi-deviceplugin" {
		p.Errorf("it selects %v as %s", set.Spec.Selector.MatchLabels, pod.ServiceAccountName)
	}
	for _, volume := range pod.Volumes {
		if volume.ConfigMap == nil {
			continue
		}
		if !p.Get(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: volume.ConfigMap.Name}}) {
			p.Errorf("there is no ConfigMap %s", volume.ConfigMap.Name)
		}
	}
}

func runCondition(p plugin, devices report.Devices) (stop func()) {
	p.Helper()
	api, err := report.NewAPI(p.config)
	p.Must(err)
	return run(p, report.Condition{
		API: api, Node: "mine", Type: "X330Healthy", Resource: "sapeon.com/snx3", Devices: devices, Clock: clock.RealClock{},
	}.Run)
}

// run runs a part until it is stopped, at the end of the test at the latest.
func run(p plugin, part func(context.Context) error) (stop func()) {
	p.Helper()
	ctx, cancel := context.WithCancel(p.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := part(ctx); err != nil {
			p.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	p.Cleanup(stop)
	return stop
}

func awaitStatus(p plugin, status corev1.ConditionStatus) corev1.NodeCondition {
	p.Helper()
	return awaitCondition(p, string(status), func(c corev1.NodeCondition) bool { return c.Status == status })
}

func awaitMessage(p plugin, text string) corev1.NodeCondition {
	p.Helper()
	return awaitCondition(p, text, func(c corev1.NodeCondition) bool { return strings.Contains(c.Message, text) })
}

// awaitCondition waits for the condition X330Healthy of the node "mine".
func awaitCondition(p plugin, what string, is func(corev1.NodeCondition) bool) corev1.NodeCondition {
	p.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}
	var condition corev1.NodeCondition
	p.AwaitObject(node, "the condition "+what, func() bool {
		i := slices.IndexFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == "X330Healthy" })
		if i < 0 {
			return false
		}
		condition = node.Status.Conditions[i]
		return is(condition)
	})
	return condition
}

func setConditions(h *harness.Harness, name string, conditions ...corev1.NodeCondition) {
	h.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	h.Get(node)
	node.Status.Conditions = conditions
	h.Must(h.Client.Status().Update(h.Context(), node))
}

// configOfPod returns the access of a plugin's pod on a node: a token that is bound to the
// pod, as the kubelet mounts it.
func configOfPod(h *harness.Harness, node string) *rest.Config {
	h.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "plugin"},
		Spec: corev1.PodSpec{
			NodeName: node, ServiceAccountName: "nufi-deviceplugin",
			Containers: []corev1.Container{{Name: "deviceplugin", Image: "example.com/plugin"}},
		},
	}
	h.Create(pod)
	token := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID},
	}}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "nufi-deviceplugin"}}
	h.Must(h.Client.SubResource("token").Create(h.Context(), account, token))
	return h.ConfigWithToken(token.Status.Token)
}

func clientOf(h *harness.Harness, config *rest.Config) kubernetes.Interface {
	h.Helper()
	clients, err := kubernetes.NewForConfig(config)
	h.Must(err)
	return clients
}

// awaitPolicy waits for the admission policy, which the API server enforces a moment
// after it has accepted it.
func awaitPolicy(h *harness.Harness, config *rest.Config) {
	h.Helper()
	client := clientOf(h, config)
	h.Await("the admission policy", func() bool {
		_, err := client.CoreV1().Nodes().Patch(h.Context(), "other", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{DryRun: []string{"All"}}, "status")
		return apierrors.IsInvalid(err)
	})
}

func device(state health.State, offered bool) inventory.Entry {
	e := inventory.Entry{
		Device: discovery.Device{ID: "0000:3b:00.0"},
		Health: health.Status{State: state, Offered: offered, Reason: health.Reason{Code: "Answering", Message: "every check passed"}},
	}
	if state == health.Unhealthy {
		e.Health.Reason = health.Reason{Code: "DeviceNodeMissing", Message: "/dev/snx3_0 does not exist"}
	}
	return e
}
