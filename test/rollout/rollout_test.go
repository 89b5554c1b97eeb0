// Package rollout_test rolls out templates to NpuDeploys on simulated nodes that have exactly as many
// devices as are in use.
package rollout_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/cluster"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

func TestMain(m *testing.M) {
	templates.RunIfChild()
	harness.Main(m, harness.Workloads())
}

const (
	deploys      = 6
	maxDisrupted = 2
	quietTime    = 2 * time.Second

	controllerNamespace = "nufi-system"
	labelTemplates      = "dudaji.com/templates"
)

// fixture is a fleet of Ready NpuDeploys, and a controller that stops and starts.
type fixture struct {
	*harness.Harness

	folder     string
	policy     string // the content of policy.cue
	controller *controllertest.Controller
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{Harness: harness.New(t), folder: t.TempDir()}
	f.clear()
	f.AddNodes(cluster.Node{
		Name: "npu", Labels: map[string]string{"rebellions.ai/npu.family": "ATOM"},
		Devices: map[corev1.ResourceName]string{"rebellions.ai/npu": strconv.Itoa(deploys)},
	})
	f.Must(os.CopyFS(f.folder, nufi.Module()))
	content, err := os.ReadFile(filepath.Join(f.folder, policyFile))
	f.Must(err)
	f.policy = string(content)
	f.edit("shares: [10, 50, 100]", "shares: [30, 100]")
	f.edit(`maxDisrupted: {total: "10%", perProject: 1}`, fmt.Sprintf("maxDisrupted: {total: %d, perProject: %[1]d}", maxDisrupted))
	f.edit("healthySeconds:  300", "healthySeconds:  1")
	f.serve()
	f.start()
	for i := range deploys {
		f.apply(fmt.Sprint("web-", i), "Automatic", 1)
	}
	f.apply("pinned", "Manual", 0)
	for i := range deploys {
		f.AwaitCondition(f.NpuDeploy(fmt.Sprint("web-", i)), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
	}
	f.AwaitCondition(f.NpuDeploy("pinned"), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonScaledToZero)
	f.controller.AwaitQuiet(f.Harness, f.Namespace, quietTime)
	return f
}

// clear deletes what an earlier test left: objects of the cluster, and pods, which have devices.
func (f *fixture) clear() {
	f.Helper()
	f.Must(f.Client.DeleteAllOf(f.Context(), &v1.TemplateRollout{}))
	f.Must(f.Client.DeleteAllOf(f.Context(), &appsv1.ControllerRevision{}, client.InNamespace(controllerNamespace), client.HasLabels{labelTemplates}))
	f.Await("earlier NpuDeploys and pods to be deleted", func() bool {
		var npudeploys v1.NpuDeployList
		var pods corev1.PodList
		f.Must(f.Client.List(f.Context(), &npudeploys))
		f.Must(f.Client.List(f.Context(), &pods))
		return len(npudeploys.Items)+len(pods.Items) == 0
	})
}

func (f *fixture) apply(name, updates string, replicas int) {
	f.Helper()
	f.Apply(fmt.Sprintf(`
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: %s}
spec:
  model: org/model
  updates: %s
  accelerator: {type: atom, count: 1}
  modelCache: {kind: EmptyDir}
  inferenceServer: {replicas: %d, terminationGracePeriodSeconds: 5}
`, name, updates, replicas))
}

const policyFile = "schemas/policy/policy.cue"

// edit replaces a part of the policy. serve writes it, in one step.
func (f *fixture) edit(before, after string) {
	f.Helper()
	if !strings.Contains(f.policy, before) {
		f.Fatalf("the policy does not have %q", before)
	}
	f.policy = strings.Replace(f.policy, before, after, 1)
}

func (f *fixture) serve() {
	f.Helper()
	temporary := filepath.Join(f.TempDir(), "file")
	f.Must(os.WriteFile(temporary, []byte(f.policy), 0o600))
	f.Must(os.Rename(temporary, filepath.Join(f.folder, policyFile)))
}

func (f *fixture) start() {
	f.Helper()
	f.controller = f.newController()
}

func (f *fixture) newController() *controllertest.Controller {
	f.Helper()
	return controllertest.Start(f.Harness, controller.Options{
		TemplatesDir: f.folder, Pod: types.NamespacedName{Namespace: controllerNamespace, Name: f.Namespace},
	})
}

// killAt kills the controller at each moment in turn, and starts another one.
func (f *fixture) killAt(moments ...controllertest.Moment) {
	f.Helper()
	for _, moment := range moments {
		f.controller.KillAt(moment)(f.Harness)
		f.start()
	}
}

// assignment is the write of an assignment that contains a text.
func assignment(containing string) controllertest.Moment {
	return controllertest.Moment{Method: http.MethodPatch, Path: "/npudeploys/web-", Body: containing}
}

// update is the apply of a Deployment.
func update() controllertest.Moment {
	return controllertest.Moment{Method: http.MethodPatch, Path: "/deployments/web-"}
}

// after is the moment after the same request.
func after(moment controllertest.Moment) controllertest.Moment {
	moment.After = true
	return moment
}

// rollout returns the key of a rollout.
func (f *fixture) rollout(revision int) *v1.TemplateRollout {
	return &v1.TemplateRollout{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("templates-", revision)}}
}

// templatesOf returns the set of an NpuDeploy's manifests.
func (f *fixture) templatesOf(name string) string {
	f.Helper()
	deploy := f.NpuDeploy(name)
	f.Get(deploy)
	return deploy.Status.Templates
}

// revisions counts the Deployments by the number of their current revision, which each restart and
// each return to an earlier template increases.
func (f *fixture) revisions() map[string]int {
	f.Helper()
	var list appsv1.DeploymentList
	f.Must(f.Client.List(f.Context(), &list, client.InNamespace(f.Namespace)))
	counts := map[string]int{}
	for i := range list.Items {
		if strings.HasPrefix(list.Items[i].Name, "web-") {
			counts[list.Items[i].Annotations["deployment.kubernetes.io/revision"]]++
		}
	}
	return counts
}

// disruption follows the NpuDeploys and counts at each event those whose condition is not True.
type disruption struct {
	condition string

	mu   sync.Mutex
	down map[string]bool
	most int
}

// followDisruption returns the most NpuDeploys whose condition was not True at the same time.
func (f *fixture) followDisruption(condition string) (most func() int) {
	f.Helper()
	watch, err := f.Client.Watch(f.Context(), &v1.NpuDeployList{}, client.InNamespace(f.Namespace))
	f.Must(err)
	d := &disruption{condition: condition, down: map[string]bool{}}
	go func() {
		for event := range watch.ResultChan() {
			if deploy, ok := event.Object.(*v1.NpuDeploy); ok {
				d.observe(deploy)
			}
		}
	}()
	f.Cleanup(watch.Stop)
	return func() int {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.most
	}
}

func (d *disruption) observe(deploy *v1.NpuDeploy) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.down, deploy.Name)
	if !meta.IsStatusConditionTrue(deploy.Status.Conditions, d.condition) {
		d.down[deploy.Name] = true
	}
	d.most = max(d.most, len(d.down))
}

func TestTemplatesReachTheFleetInWaves(t *testing.T) {
	f := newFixture(t)
	first := f.templatesOf("web-0")

	t.Log("A set that changes no manifest is not rolled out.")
	before := len(f.controller.Writes(f.Namespace))
	f.policy += "\n// A comment.\n"
	f.serve()
	f.Await("the set to be stored", func() bool { return f.storedSets() == 2 })
	f.controller.AwaitQuiet(f.Harness, f.Namespace, quietTime)
	if writes := f.controller.Writes(f.Namespace)[before:]; len(writes) > 0 || f.Get(f.rollout(1)) {
		t.Errorf("a set without effect: writes %v, rollout %t", writes, f.Get(f.rollout(1)))
	}

	t.Log("A good set reaches all, while the controller is killed at each step.")
	most := f.followDisruption(v1.ConditionReady)
	f.edit("\tlabels: {}\n", "\tlabels: {\"example.com/set\": \"good\"}\n")
	f.serve()
	current := f.rollout(1)
	rolloutStatus := controllertest.Moment{Method: http.MethodPatch, Path: "/templaterollouts/", After: true}
	f.killAt(assignment(`"wasReady"`), after(assignment(`"wasReady"`)), update(), after(update()), rolloutStatus)
	f.AwaitCondition(current, v1.ConditionComplete, metav1.ConditionTrue, v1.ReasonComplete)
	good := current.Spec.Templates
	if got := f.revisions(); got["2"] != deploys || most() > maxDisrupted || most() == 0 {
		t.Errorf("Deployments by revision: %v, at most %d NpuDeploys were not Ready", got, most())
	}
	if got := f.templatesOf("pinned"); got != first {
		t.Errorf("the one with manual updates is on %s, want %s", got, first)
	}

	f.testBadSet(good)
	f.testSuperseded()
	f.testOverdue(first)
}

// testBadSet serves a set whose servers crash, and then a corrected one.
func (f *fixture) testBadSet(good string) {
	f.Helper()
	f.Log("A set whose pods no node can have is not assigned.")
	f.edit("\tdevices: {}\n", "\tdevices: atom: nodeSelector: \"example.com/no-node\": \"true\"\n")
	f.serve()
	f.AwaitCondition(f.rollout(2), v1.ConditionProgressing, metav1.ConditionTrue, v1.ReasonWaitingForDevices)
	f.edit("\tdevices: atom: nodeSelector: \"example.com/no-node\": \"true\"\n", "\tdevices: {}\n")

	f.Log("A bad set is reverted. One whose command is its own is not affected, and not assigned the set by a change either.")
	f.Apply("{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: own}, " +
		"spec: {inferenceServer: {image: \"own:1\", command: [serve], replicas: 0}}}")
	own := f.NpuDeploy("own")
	f.AwaitCondition(own, v1.ConditionReady, metav1.ConditionTrue, v1.ReasonScaledToZero)
	f.edit("vllm.entrypoints.openai.api_server", "vllm.entrypoints.openai.api_serve")
	f.serve()
	f.killAt(after(assignment(`"failed"`)), update())
	halted := f.rollout(3)
	message := f.AwaitCondition(halted, v1.ConditionHalted, metav1.ConditionTrue, v1.ReasonDeploysFailed).Message
	if !strings.Contains(message, v1.ReasonCrashLoop) {
		f.Errorf("message %q", message)
	}
	f.AwaitCondition(halted, v1.ConditionProgressing, metav1.ConditionFalse, v1.ReasonStopped)
	f.Kubectl("wait", "templaterollout/"+halted.Name, "--for=condition=Halted", "--timeout=10s")
	for i := range deploys {
		deploy := f.NpuDeploy(fmt.Sprint("web-", i))
		f.AwaitCondition(deploy, v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady)
		if deploy.Status.Templates != good {
			f.Errorf("%s is on %s, want %s", deploy.Name, deploy.Status.Templates, good)
		}
	}
	if got := f.revisions(); got["2"] != deploys-2 {
		f.Errorf("Deployments by revision: %v, want all but the first wave at 2", got)
	}
	f.Patch(own, `{"spec": {"inferenceServer": {"terminationGracePeriodSeconds": 7}}}`)
	f.AwaitObject(own, "its change", func() bool { return own.Status.ObservedGeneration == own.Generation && own.Generation > 1 })
	if f.Get(halted); own.Status.Templates == halted.Spec.Templates {
		f.Error("a change of the spec assigned the bad set")
	}
	f.apply("new", "Automatic", 0)
	f.AwaitCondition(f.NpuDeploy("new"), v1.ConditionReady, metav1.ConditionTrue, v1.ReasonScaledToZero)
	if got := f.templatesOf("new"); got != good {
		f.Errorf("a new NpuDeploy uses %s, want %s", got, good)
	}

	f.Log("A corrected set supersedes it.")
	f.edit(`"vllm.entrypoints.openai.api_serve"`, `"vllm.entrypoints.openai.api_server"`)
	f.edit(`"example.com/set": "good"`, `"example.com/set": "better"`)
	second := f.newController() // by mistake
	f.serve()
	last := f.rollout(4)
	f.Kubectl("wait", "templaterollout/"+last.Name, "--for=create", "--timeout=60s")
	f.Kubectl("wait", "templaterollout/"+last.Name, "--for=condition=Complete", "--timeout=300s")
	f.Get(last)
	for i := range deploys {
		if got := f.templatesOf(fmt.Sprint("web-", i)); got != last.Spec.Templates {
			f.Errorf("web-%d is on %s, want %s", i, got, last.Spec.Templates)
		}
	}
	f.expectOneReplicaSetOf("better")
	f.Must(second.Stop())
	if f.Get(halted); !meta.IsStatusConditionTrue(halted.Status.Conditions, v1.ConditionHalted) {
		f.Error("the rollout of the bad set is not halted any more")
	}
}

// testSuperseded serves a set in the middle of the rollout of another one.
func (f *fixture) testSuperseded() {
	f.Helper()
	f.Log("A newer set supersedes a rollout, and the others change directly to it.")
	f.edit(`"example.com/set": "better"`, `"example.com/set": "middle"`)
	f.serve()
	middle := f.rollout(5)
	f.AwaitObject(middle, "an update", func() bool { return updatedOf(middle) > 0 })
	before := middle.DeepCopy()
	middle.Spec.Paused = true
	f.Must(f.Client.Patch(f.Context(), middle, client.MergeFrom(before)))
	f.Await("an NpuDeploy that waits for its wave to report the update", func() bool {
		var list v1.NpuDeployList
		f.Must(f.Client.List(f.Context(), &list, client.InNamespace(f.Namespace)))
		return slices.ContainsFunc(list.Items, func(deploy v1.NpuDeploy) bool {
			update := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionUpdateAvailable)
			return deploy.Spec.Updates == v1.UpdateAutomatic && update != nil && update.Reason == v1.ReasonUpdateRestarts
		})
	})
	f.edit(`"example.com/set": "middle"`, `"example.com/set": "newest"`)
	f.serve()
	newest := f.rollout(6)
	f.AwaitObject(newest, "an update", func() bool { return updatedOf(newest) > 0 })
	f.Log("An outage of the API server neither repeats nor loses an update.")
	f.Must(f.Cluster().StopAPIServer())
	f.Must(f.Cluster().StartAPIServer(f.Context()))
	f.AwaitCondition(newest, v1.ConditionComplete, metav1.ConditionTrue, v1.ReasonComplete)
	f.AwaitCondition(f.rollout(5), v1.ConditionProgressing, metav1.ConditionFalse, v1.ReasonSuperseded)
	if updated := f.expectOneReplicaSetOf("middle"); updated == 0 || updated == deploys {
		f.Errorf("%d were updated to the set in the middle", updated)
	}
	if updated := f.expectOneReplicaSetOf("newest"); updated != deploys {
		f.Errorf("%d were updated to the newest set", updated)
	}
}

// testOverdue limits manual updates. The NpuDeploy with manual updates requests a set that it is on.
func (f *fixture) testOverdue(first string) {
	f.Helper()
	f.Log("A rollout that the controller did not create is ignored, whatever its name and revision.")
	other := f.rollout(7)
	other.Spec = v1.TemplateRolloutSpec{Templates: first, Revision: math.MaxInt64}
	f.Create(other)
	f.AwaitCondition(other, v1.ConditionProgressing, metav1.ConditionFalse, v1.ReasonIgnored)

	f.Log("A manual update joins the waves after the limit, and stays updated.")
	deploy := f.NpuDeploy("pinned")
	f.Kubectl("annotate", "npudeploy/pinned", "-n", f.Namespace, v1.AnnotationUpdateTo+"="+first)
	f.edit("manualDays: 0", "manualDays: 7")
	f.edit(`"example.com/set": "newest"`, `"example.com/set": "limited"`)
	f.controller.AwaitQuiet(f.Harness, f.Namespace, quietTime)
	wrote := f.writesOf("new")
	f.serve()
	f.AwaitCondition(f.rollout(8), v1.ConditionComplete, metav1.ConditionTrue, v1.ReasonComplete)
	f.AwaitObject(deploy, "the date of the update", func() bool {
		update := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionUpdateAvailable)
		return update != nil && strings.HasPrefix(update.Message, "joins the waves at ") && deploy.Status.Templates == first
	})
	before := deploy.DeepCopy()
	update := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionUpdateAvailable)
	update.LastTransitionTime = metav1.NewTime(time.Now().AddDate(0, 0, -8))
	f.Must(f.Client.Status().Patch(f.Context(), deploy, client.MergeFrom(before)))
	current := f.rollout(8)
	f.Get(current)
	f.AwaitObject(deploy, "the update", func() bool { return deploy.Status.Templates == current.Spec.Templates })
	f.controller.AwaitQuiet(f.Harness, f.Namespace, quietTime)
	if f.Get(deploy); deploy.Status.Templates != current.Spec.Templates || deploy.Status.Rollout == nil || deploy.Status.Rollout.Overdue != first {
		f.Errorf("the NpuDeploy is on %s with the assignment %v", deploy.Status.Templates, deploy.Status.Rollout)
	}

	f.Log("A rollout writes at most twice more than a change of the spec.")
	rolledOut := f.writesOf("new")
	f.Kubectl("patch", "npudeploy/new", "-n", f.Namespace, "--type=merge", "-p", `{"spec":{"inferenceServer":{"terminationGracePeriodSeconds":6}}}`)
	scaledToZero := f.NpuDeploy("new")
	f.AwaitObject(scaledToZero, "the change", func() bool {
		return scaledToZero.Generation > 1 && scaledToZero.Status.ObservedGeneration == scaledToZero.Generation
	})
	f.controller.AwaitQuiet(f.Harness, f.Namespace, quietTime)
	changed := f.writesOf("new")
	if more := (rolledOut - wrote) - (changed - rolledOut); more > 2 || rolledOut == wrote || changed == rolledOut {
		f.Errorf("%d writes for the rollout, %d for the change: %v", rolledOut-wrote, changed-rolledOut, f.controller.Writes(f.Namespace))
	}

	f.Log("Another request ends the assignment.")
	f.Kubectl("annotate", "npudeploy/pinned", "-n", f.Namespace, v1.AnnotationUpdateTo+"-")
	f.AwaitObject(deploy, "the end of the assignment", func() bool { return deploy.Status.Rollout == nil })
}

// writesOf counts the applies of an NpuDeploy's Deployment and the writes of its status.
func (f *fixture) writesOf(name string) int {
	f.Helper()
	count := 0
	for _, write := range f.controller.Writes(f.Namespace) {
		if strings.HasSuffix(write, "/npudeploys/"+name+"/status") || strings.HasSuffix(write, "/deployments/"+name) {
			count++
		}
	}
	return count
}

// expectOneReplicaSetOf checks that a set has restarted no NpuDeploy twice: its Deployment has one ReplicaSet
// of the set's label, and a ReplicaSet that is used again gets another revision. It returns how many have one.
func (f *fixture) expectOneReplicaSetOf(set string) int {
	f.Helper()
	var list appsv1.ReplicaSetList
	f.Must(f.Client.List(f.Context(), &list, client.InNamespace(f.Namespace), client.MatchingLabels{"example.com/set": set}))
	counts := map[string]int{}
	for i := range list.Items {
		name := list.Items[i].Labels[v1.LabelDeploy]
		if !strings.HasPrefix(name, "web-") {
			continue
		}
		if counts[name]++; counts[name] > 1 || list.Items[i].Annotations["deployment.kubernetes.io/revision-history"] != "" {
			f.Errorf("%s was updated to the set %q more than once", name, set)
		}
	}
	return len(counts)
}

func (f *fixture) storedSets() int {
	var list appsv1.ControllerRevisionList
	f.Must(f.Client.List(context.WithoutCancel(f.Context()), &list, client.InNamespace(controllerNamespace), client.HasLabels{labelTemplates}))
	return len(list.Items)
}

func updatedOf(rollout *v1.TemplateRollout) int32 {
	updated := int32(0)
	for _, wave := range rollout.Status.Waves {
		updated += wave.Updated
	}
	return updated
}
