package render_test

import (
	"fmt"
	"runtime/debug"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/heap"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

// retainedPerRender is the most bytes that a render may retain: noise of the runtime, less than a pointer.
const retainedPerRender = 7

func TestRendersRetainNoNamesAndKeys(t *testing.T) {
	skipUnderRace(t)
	const renders = 3_000
	set := compiled(t)
	retained := retainedBy(renders, func(i int) {
		if _, err := set.Render(newUniqueDeploy(t, i), render.ProjectSettings{DefaultPriorityClass: fmt.Sprint("class-", i)}); err != nil {
			t.Fatal(err)
		}
	})
	if perRender := retained / renders; perRender > retainedPerRender {
		t.Errorf("a render retains %d bytes", perRender)
	}
}

func TestFailingRendersRetainNothing(t *testing.T) {
	skipUnderRace(t)
	const renders = 2_000
	set := compiled(t)
	retained := retainedBy(renders, func(i int) {
		deploy := newUniqueDeploy(t, i)
		deploy.Spec.PodMetadata.Labels[fmt.Sprint("app.kubernetes.io/a-", i)] = "rejected"
		if i%2 == 0 {
			deploy.Spec.PodMetadata.Labels[fmt.Sprint("example.com/b-", i)] = "no label"
		}
		if _, err := set.Render(deploy, render.ProjectSettings{}); err == nil {
			t.Fatal("no error")
		}
	})
	if perRender := retained / renders; perRender > retainedPerRender {
		t.Errorf("a failing render retains %d bytes", perRender)
	}
}

func TestReloadRetainsLessThanAKilobyte(t *testing.T) {
	skipUnderRace(t)
	const reloads, tolerated = 100, 1024
	deploy := newUniqueDeploy(t, 0)
	retained := retainedBy(reloads, func(int) {
		if _, err := rendertest.Compile(t, nufi.Module()).Render(deploy, render.ProjectSettings{}); err != nil {
			t.Fatal(err)
		}
	})
	if perReload := retained / reloads; perReload > tolerated {
		t.Errorf("a reload retains %d bytes", perReload)
	}
}

func TestRendersOfProjectsRetainNothing(t *testing.T) {
	skipUnderRace(t)
	const renders = 3_000
	set := compiled(t)
	retained := retainedBy(renders, func(i int) {
		project := &v1.Project{Spec: v1.ProjectSpec{
			DisplayName:  fmt.Sprint("Name ", i),
			Members:      []v1.Member{{Kind: v1.MemberUser, Name: fmt.Sprint("user-", i), Role: v1.RoleEditor}},
			HostSuffixes: []v1.HostSuffix{v1.HostSuffix(fmt.Sprintf("host-%d.example", i))},
			Quota:        &v1.Quota{Accelerators: []v1.AcceleratorQuota{{Type: "atom", Count: int32(i)}}},
		}}
		project.Name = fmt.Sprint("project-", i)
		if _, err := set.RenderProject(project); err != nil {
			t.Fatal(err)
		}
	})
	if perRender := retained / renders; perRender > retainedPerRender {
		t.Errorf("a render retains %d bytes", perRender)
	}
}

// skipUnderRace skips measurements that the race detector, which has a heap of its own,
// distorts.
func skipUnderRace(t *testing.T) {
	t.Helper()
	info, _ := debug.ReadBuildInfo()
	if slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("measured without the race detector")
	}
}

// newUniqueDeploy returns an NpuDeploy whose names and map keys contain i.
func newUniqueDeploy(tb testing.TB, i int) *v1.NpuDeploy {
	tb.Helper()
	deploy := typed(tb, []byte(endpointSpec))
	deploy.Name, deploy.Namespace = fmt.Sprint("name-", i), fmt.Sprint("namespace-", i)
	deploy.Spec.Model, deploy.Spec.Endpoint.Host = fmt.Sprint("model-", i), fmt.Sprint("host-", i)
	deploy.Spec.InferenceServer = &v1.InferenceServer{
		Args:         []string{fmt.Sprint("--argument-", i)},
		Env:          []corev1.EnvVar{{Name: fmt.Sprint("VARIABLE_", i), Value: fmt.Sprint("value-", i)}},
		NodeSelector: map[string]v1.LabelValue{fmt.Sprint("node-", i): "a", fmt.Sprint("example.com/node-", i): "b"},
		Resources: &corev1.ResourceRequirements{Limits: corev1.ResourceList{
			corev1.ResourceName(fmt.Sprint("example.com/resource-", i)): resource.MustParse("1"),
		}},
	}
	deploy.Spec.PodMetadata = &v1.PodMetadata{
		Labels:      map[string]v1.LabelValue{fmt.Sprint("label-", i): "a", fmt.Sprint("example.com/label-", i): "b"},
		Annotations: map[string]v1.AnnotationValue{fmt.Sprint("annotation-", i): "a"},
	}
	return deploy
}

// retainedBy calls run to warm up and then the given number of times, and returns by how many bytes the
// latter grew the heap.
func retainedBy(times int, run func(i int)) int {
	warmUp := times / 5
	for i := range warmUp {
		run(i)
	}
	before := heap.InUse()
	for i := range times {
		run(warmUp + i)
	}
	return int(heap.InUse() - before)
}
