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
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/inventory"
	"github.com/dudaji/nufi/deviceplugin/report"
	"github.com/dudaji/nufi/test/env"
)

const (
	namespace = "nufi-deviceplugin"
	bundle    = "../../bundle/deviceplugin"
)

var control = env.New()

func TestMain(m *testing.M) { os.Exit(control.Run(m)) }

// One test in steps: what is installed is the same for all of them. Everything the
// plugin does here, it does with the token of a pod on its node.
func TestReportsToAnAPIServer(t *testing.T) {
	kubectl(t, "apply", "-k", absolute(t, bundle))
	kubectl(t, "apply", "-k", absolute(t, bundle)) // and again, as any installation is
	admin, err := kubernetes.NewForConfig(control.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mine", "other"} {
		createNode(t, admin, name)
	}
	config := pluginOn(t, admin, "mine")
	awaitPolicy(t, config)

	// Connections to the API server are kept, and are client-go's.
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"))

	i := installed{admin, config}
	t.Run("the condition follows the devices", i.conditionFollows)
	t.Run("a transition is one event", i.oneEvent)
	t.Run("nothing else of a node can be written", i.writesNothingElse)
	t.Run("the account has its rights and no more", i.hasItsRights)
	t.Run("the DaemonSet stays within its limits", i.takesLittle)
	t.Run("another accelerator is another DaemonSet", i.takesAnother)
}

// installed is the plugin's bundle in a cluster.
type installed struct {
	admin  kubernetes.Interface
	plugin *rest.Config // of a pod on the node "mine"
}

func (i installed) conditionFollows(t *testing.T) {
	devices := newDevices(device(health.Healthy, true))
	stop := runCondition(t, i.plugin, devices)
	first := awaitCondition(t, i.admin, corev1.ConditionTrue)
	if first.Reason != "DevicesAvailable" || first.Message != "all 1 devices of sapeon.com/snx3 are available" {
		t.Errorf("got %s: %s", first.Reason, first.Message)
	}
	devices.set(device(health.Unhealthy, false))
	failed := awaitCondition(t, i.admin, corev1.ConditionFalse)
	if want := "0000:3b:00.0 is Unhealthy: DeviceNodeMissing: /dev/snx3_0 does not exist"; !strings.HasSuffix(failed.Message, want) {
		t.Errorf("got %s", failed.Message)
	}
	stop()

	hourAgo := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	failed.LastTransitionTime = hourAgo
	setConditions(t, i.admin, "mine", corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue}, failed)
	runCondition(t, i.plugin, newDevices(device(health.Recovering, false)))
	again := awaitMessage(t, i.admin, "is Recovering")
	if !again.LastTransitionTime.Equal(&hourAgo) {
		t.Errorf("a restart of the plugin moved the transition from %s to %s", hourAgo, again.LastTransitionTime)
	}
	node, err := i.admin.CoreV1().Nodes().Get(t.Context(), "mine", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(node.Status.Conditions) != 2 {
		t.Errorf("the kubelet's condition is gone: %v", node.Status.Conditions)
	}
}

func (i installed) oneEvent(t *testing.T) {
	api, err := report.NewAPI(i.plugin)
	if err != nil {
		t.Fatal(err)
	}
	events := report.NewEvents(api, "mine", "sapeon.com/snx3", clock.RealClock{})
	run(t, events.Run)
	entry := device(health.Unhealthy, false)
	transition := inventory.Transition{
		Device: entry.Device, From: health.Suspect, To: health.Unhealthy, Reason: entry.Health.Reason, At: time.Now(),
	}
	events.Notify(transition)
	events.Notify(transition) // as after a post without an answer
	later := transition
	later.From, later.To, later.At = health.Unhealthy, health.Recovering, transition.At.Add(time.Second)
	events.Notify(later)
	want := []string{
		"Normal DeviceRecovering", "Warning DeviceUnhealthy",
	}
	var got []string
	running := control.Cluster(t)
	err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		out, err := running.Kubectl(ctx, "get", "events", "-n", "default", "--field-selector=involvedObject.name=mine",
			"--sort-by=.type", `-o=jsonpath={range .items[*]}{.type} {.reason}{"\n"}{end}`)
		got = strings.Split(strings.TrimSpace(out), "\n")
		return cmp.Equal(want, got), err
	})
	if err != nil {
		t.Errorf("-want +got:\n%s", cmp.Diff(want, got))
	}
	if out := kubectl(t, "describe", "node", "mine"); !strings.Contains(out, "DeviceUnhealthy") {
		t.Errorf("kubectl describe node does not show the event:\n%s", out)
	}
}

func (i installed) writesNothingElse(t *testing.T) {
	plugin, err := kubernetes.NewForConfig(i.plugin)
	if err != nil {
		t.Fatal(err)
	}
	condition := `{"status":{"conditions":[{"type":"%s","status":"True","reason":"R","message":"m"}]}}`
	for name, c := range map[string]struct{ node, patch, message string }{
		"another node":            {"other", fmt.Sprintf(condition, "X330Healthy"), "may not write the status of node other"},
		"the kubelet's condition": {"mine", fmt.Sprintf(condition, "Ready"), "may write no condition but those that end in Healthy"},
		"devices":                 {"mine", `{"status":{"capacity":{"sapeon.com/snx3":"64"}}}`, "may write nothing of a node's status but conditions"},
		"the node's address":      {"mine", `{"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.1"}]}}`, "may write nothing of a node's status but conditions"},
		"labels":                  {"mine", `{"metadata":{"labels":{"pool":"trusted"}}}`, "may not write a node's metadata"},
	} {
		_, err := plugin.CoreV1().Nodes().Patch(t.Context(), c.node, types.StrategicMergePatchType, []byte(c.patch), metav1.PatchOptions{}, "status")
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err = plugin.CoreV1().Nodes().Patch(t.Context(), "mine", types.StrategicMergePatchType, []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("the node's specification: got %v", err)
	}
}

func (i installed) hasItsRights(t *testing.T) {
	for _, c := range []struct {
		verb, resource, subresource, in string
		want                            bool
	}{
		{"get", "nodes", "", "", true},
		{"patch", "nodes", "status", "", true},
		{"create", "events", "", "default", true},
		{"list", "nodes", "", "", false},
		{"watch", "nodes", "", "", false},
		{"patch", "nodes", "", "", false},
		{"update", "nodes", "status", "", false},
		{"create", "events", "", "ml", false},
		{"patch", "events", "", "default", false},
		{"get", "pods", "", "ml", false},
		{"get", "secrets", "", namespace, false},
		{"create", "serviceaccounts", "token", namespace, false},
	} {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:   "system:serviceaccount:" + namespace + ":nufi-deviceplugin",
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: c.verb, Resource: c.resource, Subresource: c.subresource, Namespace: c.in,
			},
		}}
		review, err := i.admin.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if review.Status.Allowed != c.want {
			t.Errorf("%s %s/%s in %q: allowed %t, want %t", c.verb, c.resource, c.subresource, c.in, review.Status.Allowed, c.want)
		}
	}
}

// takesAnother installs the second accelerator of docs/device-plugin.md.
func (i installed) takesAnother(t *testing.T) {
	dir := t.TempDir()
	up, err := filepath.Rel(dir, absolute(t, bundle))
	if err != nil {
		t.Fatal(err)
	}
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
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kubectl(t, "apply", "-k", dir)
	set, err := i.admin.AppsV1().DaemonSets(namespace).Get(t.Context(), "nufi-deviceplugin-atom", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod := set.Spec.Template.Spec
	want := []string{"--host-root=/host", "--devices=/etc/nufi/devices.yaml", "--cdi-dir=/var/run/cdi"}
	if diff := cmp.Diff(want, pod.Containers[0].Args); diff != "" {
		t.Errorf("arguments: -want +got:\n%s", diff)
	}
	own := corev1.Toleration{Key: "rebellions.ai/ATOM", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}
	if !slices.Contains(pod.Tolerations, own) {
		t.Errorf("it tolerates %v", pod.Tolerations)
	}
	if set.Spec.Selector.MatchLabels["accelerator"] != "atom" || pod.ServiceAccountName != "nufi-deviceplugin" {
		t.Errorf("it selects %v as %s", set.Spec.Selector.MatchLabels, pod.ServiceAccountName)
	}
	for _, volume := range pod.Volumes {
		if volume.ConfigMap == nil {
			continue
		}
		if _, err := i.admin.CoreV1().ConfigMaps(namespace).Get(t.Context(), volume.ConfigMap.Name, metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
	}
}

func runCondition(t *testing.T, config *rest.Config, devices report.Devices) (stop func()) {
	t.Helper()
	api, err := report.NewAPI(config)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, report.Condition{
		API: api, Node: "mine", Type: "X330Healthy", Resource: "sapeon.com/snx3", Devices: devices, Clock: clock.RealClock{},
	}.Run)
}

// run runs a part until it is stopped, at the end of the test at the latest.
func run(t *testing.T, part func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := part(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

func awaitCondition(t *testing.T, admin kubernetes.Interface, status corev1.ConditionStatus) corev1.NodeCondition {
	t.Helper()
	return await(t, admin, func(c corev1.NodeCondition) bool { return c.Status == status })
}

func awaitMessage(t *testing.T, admin kubernetes.Interface, text string) corev1.NodeCondition {
	t.Helper()
	return await(t, admin, func(c corev1.NodeCondition) bool { return strings.Contains(c.Message, text) })
}

func await(t *testing.T, admin kubernetes.Interface, met func(corev1.NodeCondition) bool) corev1.NodeCondition {
	t.Helper()
	var found corev1.NodeCondition
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		node, err := admin.CoreV1().Nodes().Get(ctx, "mine", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, c := range node.Status.Conditions {
			if c.Type == "X330Healthy" {
				found = c
			}
		}
		return met(found), nil
	})
	if err != nil {
		t.Fatalf("%v: the condition is %+v", err, found)
	}
	return found
}

// createNode creates a node that its kubelet calls ready.
func createNode(t *testing.T, admin kubernetes.Interface, name string) {
	t.Helper()
	_, err := admin.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	setConditions(t, admin, name, corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue})
}

func setConditions(t *testing.T, admin kubernetes.Interface, name string, conditions ...corev1.NodeCondition) {
	t.Helper()
	node, err := admin.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	node.Status.Conditions = conditions
	if _, err := admin.CoreV1().Nodes().UpdateStatus(t.Context(), node, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// pluginOn returns the access of a plugin's pod on a node: a token that is bound to the
// pod, as the kubelet mounts it.
func pluginOn(t *testing.T, admin kubernetes.Interface, node string) *rest.Config {
	t.Helper()
	pod, err := admin.CoreV1().Pods(namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "plugin"},
		Spec: corev1.PodSpec{
			NodeName: node, ServiceAccountName: "nufi-deviceplugin",
			Containers: []corev1.Container{{Name: "deviceplugin", Image: "example.com/plugin"}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	token, err := admin.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), "nufi-deviceplugin", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{
			BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(control.Config(t))
	config.BearerToken = token.Status.Token
	return config
}

// awaitPolicy waits for the admission policy, which the API server takes up a moment
// after it has accepted it.
func awaitPolicy(t *testing.T, config *rest.Config) {
	t.Helper()
	plugin, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		_, err := plugin.CoreV1().Nodes().Patch(ctx, "other", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{DryRun: []string{"All"}}, "status")
		return apierrors.IsInvalid(err), nil
	})
	if err != nil {
		t.Fatal("waiting for the admission policy: ", err)
	}
}

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := control.Cluster(t).Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func absolute(t *testing.T, dir string) string {
	t.Helper()
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
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
