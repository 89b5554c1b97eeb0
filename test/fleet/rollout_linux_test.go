package fleet

import (
	"fmt"
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
		f.changeSpecs()
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

	mu                sync.Mutex
	notReady          map[string]bool // NpuDeploys
	last              map[string]*v1.NpuDeploy
	limit             int       // of those that are not Ready
	most              int       // that were not Ready at the same time
	outages           int       // how often one was not Ready any more
	versions          int       // of rollouts
	perApply          float64   // writes for each changed spec
	crashed, reported time.Time // the first crash loop of a pod, and the first NpuDeploy that reports one
	halted            time.Time
}

func newRolloutFleet(b *testing.B) *rolloutFleet {
	b.Helper()
	f := &rolloutFleet{fleet: newFleet(b, harness.Workloads()), b: b, notReady: map[string]bool{}, last: map[string]*v1.NpuDeploy{}}
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
		isDown := !meta.IsStatusConditionTrue(object.Status.Conditions, v1.ConditionReady)
		if isDown && !f.notReady[object.Name] {
			f.outages++
		}
		f.notReady[object.Name], f.last[object.Name] = isDown, object
		ready := meta.FindStatusCondition(object.Status.Conditions, v1.ConditionReady)
		if f.reported.IsZero() && ready != nil && ready.Reason == v1.ReasonCrashLoop {
			f.reported = time.Now()
		}
		down := 0
		for _, isDown := range f.notReady {
			if isDown {
				down++
			}
		}
		if down > f.most && f.limit > 0 && down > f.limit {
			f.b.Logf("%d NpuDeploys are not Ready at resource version %s:%s", down, object.ResourceVersion, f.describeNotReady())
		}
		f.most = max(f.most, down)
	case *corev1.Pod:
		for _, container := range object.Status.ContainerStatuses {
			if f.crashed.IsZero() && container.State.Waiting != nil && container.State.Waiting.Reason == "CrashLoopBackOff" {
				f.crashed = time.Now()
			}
		}
	case *v1.TemplateRollout:
		f.versions++
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

// changed counts the NpuDeploys that report a changed spec.
func (f *rolloutFleet) changed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := 0
	for _, deploy := range f.last {
		if deploy.Status.ObservedGeneration > 1 {
			changed++
		}
	}
	return changed
}

// describeNotReady returns the last status of each NpuDeploy that is not Ready.
func (f *rolloutFleet) describeNotReady() string {
	var text strings.Builder
	for name, isDown := range f.notReady {
		if deploy := f.last[name]; isDown && deploy != nil {
			ready := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionReady)
			_, _ = fmt.Fprintf(&text, "\n%s at %s: %s: %s; %s; assigned %v", name, deploy.ResourceVersion, ready.Reason, ready.Message, deploy.Status.Templates, deploy.Status.Rollout)
		}
	}
	return text.String()
}

// forget begins other counts of those that are not Ready, of which more than limit are logged.
func (f *rolloutFleet) forget(limit int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limit = limit
	f.most, f.outages, f.versions = 0, 0, 0
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

// changeSpecs measures the writes for a change of a spec that replaces the pods, without the two that store the specs.
// As many as a rollout may disrupt are changed at a time: how many statuses one event reports depends on the load.
func (f *rolloutFleet) changeSpecs() {
	f.Helper()
	before, wave := f.writes(), *size*disrupted/100
	for first := 0; first < *size; first += wave {
		end := min(first+wave, *size)
		for i := first; i < end; i++ {
			patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"inferenceServer":{"terminationGracePeriodSeconds":100}}}`))
			f.Must(f.Client.Patch(f.Context(), f.deploy(i), patch))
		}
		f.await("the changed ones to be Ready again", func() bool { return f.changed() >= end && f.ready() == *size })
	}
	f.settle()
	f.perApply = (f.writes()-before)/float64(*size) - 2
	f.b.ReportMetric(f.perApply, "writes/apply")
}

// noEffect serves a set that changes no manifest. The set is stored, which is one write, and a dry run tries the
// objects of one NpuDeploy, because all are alike.
func (f *rolloutFleet) noEffect() {
	f.Helper()
	before, cpu := f.writes(), f.process.cpu()
	f.serve("policy: {\n", "policy: {\n\t// A comment.\n")
	f.settle()
	f.b.ReportMetric(f.writes()-before-1-children, "same-set-writes")
	f.b.ReportMetric((f.process.cpu() - cpu).Seconds(), "same-set-cpu-s")
}

func (f *rolloutFleet) goodSet() {
	f.Helper()
	f.forget(*size * disrupted / 100)
	before, applies, cpu, start := f.writes(), f.metric("nufi_applies_total", `result="configured"`), f.process.cpu(), time.Now()
	f.serve(command, `command: ["python3", "-O", "-m", "vllm.entrypoints.openai.api_server"]`)
	f.rollout(1, "the rollout to be complete", is(v1.ConditionComplete))
	f.b.ReportMetric(time.Since(start).Seconds(), "rollout-s")
	f.settle()
	rollout := float64(f.versions)
	f.b.ReportMetric(rollout, "rollout-writes")
	writes := (f.writes() - before - rollout - 1 - children) / float64(*size) // As in noEffect.
	f.b.ReportMetric(writes, "writes/deploy")
	f.b.ReportMetric(writes-f.perApply, "more-writes/deploy")
	f.b.ReportMetric((f.metric("nufi_applies_total", `result="configured"`)-applies)/float64(*size), "applies/deploy")
	f.b.ReportMetric((f.process.cpu()-cpu).Seconds()*1000/float64(*size), "cpu-ms/deploy")
	f.b.ReportMetric(float64(f.most), "most-disrupted")
	f.b.ReportMetric(float64(f.outages)/float64(*size), "outages/deploy")
	if f.most > *size*disrupted/100 {
		f.Errorf("%d were disrupted at the same time", f.most)
	}
}

func (f *rolloutFleet) badSet() {
	f.Helper()
	f.forget(*size * firstWave / 100)
	f.serve(`"vllm.entrypoints.openai.api_server"`, `"vllm.entrypoints.openai.api_serve"`)
	halted := f.rollout(2, "the rollout to be halted", is(v1.ConditionHalted))
	f.await("all to be Ready again", func() bool { return f.ready() == *size })
	f.settle()
	f.b.ReportMetric(float64(f.reported.Sub(f.crashed).Milliseconds()), "report-ms")
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

// pause pauses a rollout in the wave after the first share.
func (f *rolloutFleet) pause(revision int) {
	f.Helper()
	rollout := f.rollout(revision, "the first wave to end", func(rollout *v1.TemplateRollout) bool { return rollout.Status.Wave > 2 })
	before := rollout.DeepCopy()
	rollout.Spec.Paused = true
	f.Must(f.Client.Patch(f.Context(), rollout, client.MergeFrom(before)))
}
