package fleet

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

const (
	// podsPerNode is what the cores of a simulated node suffice for.
	podsPerNode = 15
	// disrupted is the part of the fleet that policy allows to be unavailable.
	disrupted = 10
	command   = `command: ["python3", "-m", "vllm.entrypoints.openai.api_server"]`
	// firstWave and secondWave are shares of the fleet, in percent.
	firstWave, secondWave = 10, 30
)

// BenchmarkRollout rolls sets of templates out to a fleet of Ready NpuDeploys: one that changes no manifest, one
// that changes an argument of all, and one whose servers crash. Then the controller restarts on three sets.
func BenchmarkRollout(b *testing.B) {
	for b.Loop() {
		f := newRolloutFleet(b)
		f.noEffect()
		f.goodSet()
		f.badSet()
		f.restartOnThreeSets()
		f.stop()
		b.ReportMetric(0, "ns/op")
	}
}

// rolloutFleet is a fleet whose events are counted.
type rolloutFleet struct {
	*fleet

	b *testing.B

	mu       sync.Mutex
	notReady map[string]bool // NpuDeploys
	most     int             // that were not Ready at the same time
	crashed  time.Time       // the first report of a crash loop
	halted   time.Time
}

func newRolloutFleet(b *testing.B) *rolloutFleet {
	b.Helper()
	f := &rolloutFleet{fleet: newFleet(b, harness.Workloads()), b: b, notReady: map[string]bool{}}
	for i := range *size/podsPerNode + 1 {
		f.AddNodes(cluster.Node{
			Name: fmt.Sprint("npu-", i), Labels: map[string]string{"rebellions.ai/npu.family": "ATOM"},
			Devices: map[corev1.ResourceName]string{"rebellions.ai/npu": strconv.Itoa(podsPerNode)},
		})
	}
	f.editPolicy(`maxDisrupted: {total: "10%", perProject: 1}`, fmt.Sprintf(`maxDisrupted: {total: "%d%%", perProject: "100%%"}`, disrupted))
	f.editPolicy("healthySeconds:  300", "healthySeconds:  1")
	f.createDeploys()
	f.startController()
	f.follow()
	f.await("all to be Ready", func() bool { return f.ready() == *size })
	f.settle()
	return f
}

// follow watches NpuDeploys, pods and rollouts.
func (f *rolloutFleet) follow() {
	f.Helper()
	for _, list := range []client.ObjectList{&v1.NpuDeployList{}, &corev1.PodList{}, &v1.TemplateRolloutList{}} {
		watch, err := f.Client.Watch(f.Context(), list)
		f.Must(err)
		f.Cleanup(watch.Stop)
		go func() {
			for event := range watch.ResultChan() {
				f.observe(event.Object)
			}
		}()
	}
}

func (f *rolloutFleet) observe(object any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch object := object.(type) {
	case *v1.NpuDeploy:
		f.notReady[object.Name] = !meta.IsStatusConditionTrue(object.Status.Conditions, v1.ConditionReady)
		down := 0
		for _, isDown := range f.notReady {
			if isDown {
				down++
			}
		}
		f.most = max(f.most, down)
	case *corev1.Pod:
		for _, container := range object.Status.ContainerStatuses {
			if f.crashed.IsZero() && container.State.Waiting != nil && container.State.Waiting.Reason == "CrashLoopBackOff" {
				f.crashed = time.Now()
			}
		}
	case *v1.TemplateRollout:
		if f.halted.IsZero() && meta.IsStatusConditionTrue(object.Status.Conditions, v1.ConditionHalted) {
			f.halted = time.Now()
		}
	}
}

func (f *rolloutFleet) ready() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	ready := 0
	for _, isDown := range f.notReady {
		if !isDown {
			ready++
		}
	}
	return ready
}

// forget begins another count of the most that are not Ready.
func (f *rolloutFleet) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.most = 0
}

// serve edits the policy, and returns when the new set serves.
func (f *rolloutFleet) serve(edits ...string) {
	f.Helper()
	before := f.storedSets()
	f.editPolicy(edits...)
	f.await("the set to be stored", func() bool { return f.storedSets() > before })
}

func (f *rolloutFleet) storedSets() int {
	f.Helper()
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ControllerRevisionList"))
	f.Must(f.Client.List(f.Context(), list, client.InNamespace(f.Namespace), client.HasLabels{"dudaji.com/templates"}))
	return len(list.Items)
}

// rollout returns a rollout by its revision, after a condition holds.
func (f *rolloutFleet) rollout(revision int, what string, condition func(*v1.TemplateRollout) bool) *v1.TemplateRollout {
	f.Helper()
	rollout := &v1.TemplateRollout{}
	f.awaitEvery(100*time.Millisecond, what, func() bool {
		err := f.Client.Get(f.Context(), client.ObjectKey{Name: fmt.Sprint("templates-", revision)}, rollout)
		return err == nil && condition(rollout)
	})
	return rollout
}

func is(condition string) func(*v1.TemplateRollout) bool {
	return func(rollout *v1.TemplateRollout) bool {
		return meta.IsStatusConditionTrue(rollout.Status.Conditions, condition)
	}
}

// onSets counts the NpuDeploys by their set.
func (f *rolloutFleet) onSets() map[string]int {
	f.Helper()
	var list v1.NpuDeployList
	f.Must(f.Client.List(f.Context(), &list))
	counts := map[string]int{}
	for i := range list.Items {
		counts[list.Items[i].Status.Templates]++
	}
	return counts
}

// noEffect serves a set that changes no manifest. The set is stored, which is one write.
func (f *rolloutFleet) noEffect() {
	f.Helper()
	before, cpu := f.writes(), f.process.cpu()
	f.serve("policy: {\n", "policy: {\n\t// A comment.\n")
	f.settle()
	f.b.ReportMetric(f.writes()-before-1, "same-set-writes")
	f.b.ReportMetric((f.process.cpu() - cpu).Seconds(), "same-set-cpu-s")
}

func (f *rolloutFleet) goodSet() {
	f.Helper()
	f.forget()
	before, applies, cpu, start := f.writes(), f.metric("nufi_applies_total", `result="configured"`), f.process.cpu(), time.Now()
	f.serve(command, `command: ["python3", "-O", "-m", "vllm.entrypoints.openai.api_server"]`)
	f.rollout(1, "the rollout to be complete", is(v1.ConditionComplete))
	f.b.ReportMetric(time.Since(start).Seconds(), "rollout-s")
	f.settle()
	f.b.ReportMetric((f.writes()-before)/float64(*size), "writes/deploy")
	f.b.ReportMetric((f.metric("nufi_applies_total", `result="configured"`)-applies)/float64(*size), "applies/deploy")
	f.b.ReportMetric((f.process.cpu()-cpu).Seconds()*1000/float64(*size), "cpu-ms/deploy")
	f.b.ReportMetric(float64(f.most), "most-disrupted")
	if f.most > *size*disrupted/100 {
		f.Errorf("%d were disrupted at the same time", f.most)
	}
}

func (f *rolloutFleet) badSet() {
	f.Helper()
	f.forget()
	f.serve(`"vllm.entrypoints.openai.api_server"`, `"vllm.entrypoints.openai.api_serve"`)
	halted := f.rollout(2, "the rollout to be halted", is(v1.ConditionHalted))
	f.await("all to be Ready again", func() bool { return f.ready() == *size })
	f.settle()
	f.b.ReportMetric(float64(f.halted.Sub(f.crashed).Milliseconds()), "halt-ms")
	f.b.ReportMetric(float64(f.most), "disturbed")
	if on := f.onSets()[halted.Spec.Templates]; on > 0 || f.most > *size*firstWave/100 {
		f.Errorf("%d are on the bad set, %d were disturbed", on, f.most)
	}
	f.editPolicy(`"vllm.entrypoints.openai.api_serve"`, `"vllm.entrypoints.openai.api_server"`)
}

// restartOnThreeSets pauses two rollouts in their middle, and restarts the controller.
func (f *rolloutFleet) restartOnThreeSets() {
	f.Helper()
	f.serve("shares: [10, 50, 100]", fmt.Sprintf("shares: [%d, 100]", secondWave), `"-O"`, `"-OO"`)
	f.pause(3)
	f.serve(fmt.Sprintf("shares: [%d, 100]", secondWave), fmt.Sprintf("shares: [%d, 100]", firstWave), `"-OO"`, `"-B"`)
	f.pause(4)
	f.settle()
	f.process.stop()
	f.launch()
	f.await("all to be reconciled", func() bool {
		return f.metric("controller_runtime_reconcile_total", `controller="npudeploy"`) >= float64(*size)
	})
	f.settle()
	f.b.ReportMetric(f.writes(), "restart-writes")
	f.b.ReportMetric(float64(len(f.onSets())), "restart-sets")
	f.b.ReportMetric(f.process.cpu().Seconds(), "restart-cpu-s")
	f.b.ReportMetric(f.process.residentMiB(), "restart-rss-MiB")
}

// pause pauses a rollout after its first wave.
func (f *rolloutFleet) pause(revision int) {
	f.Helper()
	rollout := f.rollout(revision, "the first wave to end", func(rollout *v1.TemplateRollout) bool { return rollout.Status.Wave > 1 })
	before := rollout.DeepCopy()
	rollout.Spec.Paused = true
	f.Must(f.Client.Patch(f.Context(), rollout, client.MergeFrom(before)))
}
