package devices

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// noon is the current time in all tests.
func noon() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) }

// recorded is a Querier with the expositions of the fetchers' tests. Queries of metrics that
// begin with refused fail.
type recorded struct {
	samples []fetchers.Sample
	refused string
	warning string
}

const atom = "rebellions.ai/ATOM"

func container(count string) corev1.Container {
	return corev1.Container{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{atom: resource.MustParse(count)}}}
}

type labels model.Metric

func (l labels) Get(name string) string { return string(l[model.LabelName(name)]) }

func (r *recorded) Query(_ context.Context, expression string, _ time.Time) (fetchers.QueryResult, error) {
	if r.refused != "" && strings.Contains(expression, r.refused) {
		return fetchers.QueryResult{}, fmt.Errorf("%w: dial tcp 10.0.0.1:9090", fetchers.ErrUnreachable)
	}
	var result fetchers.QueryResult
	if r.warning != "" {
		result.Warnings = []string{r.warning}
	}
	for _, sample := range r.samples {
		if strings.Contains(expression, sample.Labels.Get("__name__")) {
			result.Samples = append(result.Samples, sample)
		}
	}
	return result, nil
}

func record(t *testing.T, names ...string) *recorded {
	t.Helper()
	r := &recorded{}
	for _, name := range names {
		archive, err := txtar.ParseFile(filepath.Join("..", "..", "fetchers", "testdata", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(bytes.NewReader(archive.Files[0].Data))
		if err != nil {
			t.Fatal(err)
		}
		vector, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.TimeFromUnix(noon().Unix())}, slices.Collect(maps.Values(families))...)
		if err != nil {
			t.Fatal(err)
		}
		for _, sample := range vector {
			r.samples = append(r.samples, fetchers.Sample{Labels: labels(sample.Metric), Value: float64(sample.Value), Time: noon()})
		}
	}
	return r
}

// snapshot returns the result of the fetchers, after an earlier one.
func (r *recorded) snapshot(t *testing.T, before *fetchers.Snapshot) *fetchers.Snapshot {
	t.Helper()
	return fetchers.NewCollector(fetchers.NewFetchers(time.Minute, noon), r, time.Minute, noon).Collect(t.Context(), before)
}

func catalogue(tb testing.TB) *render.Catalogue {
	tb.Helper()
	set, err := render.Compile(nufi.Module())
	if err != nil {
		tb.Fatal(err)
	}
	return set.Catalogue
}

func machine(name, resourceName, total, allocatable string) corev1.Node {
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: corev1.NodeStatus{
			Capacity:    corev1.ResourceList{corev1.ResourceName(resourceName): resource.MustParse(total)},
			Allocatable: corev1.ResourceList{corev1.ResourceName(resourceName): resource.MustParse(allocatable)},
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
}

func pod(namespace, name, node, deploy string, containers ...corev1.Container) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{v1.LabelDeploy: deploy}},
		Spec:       corev1.PodSpec{NodeName: node, Containers: containers},
		Status:     corev1.PodStatus{Phase: corev1.PodPending},
	}
}

// aliased requests devices by an alias of the resource.
func aliased(count string) corev1.Container {
	return corev1.Container{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"rebellions.ai/npu": resource.MustParse(count)}}}
}

// sources returns three ATOM nodes, one cordoned and one with the alias, and pods of two
// namespaces.
func sources(t *testing.T) Sources {
	t.Helper()
	cordoned := machine("atom-2", atom, "8", "8")
	cordoned.Spec.Unschedulable = true
	done := pod("ml-serving", "done", "atom-1", "", container("8"))
	done.Status.Phase = corev1.PodSucceeded
	project := v1.Project{ObjectMeta: metav1.ObjectMeta{Name: "ml-serving"}}
	project.Spec.Quota = &v1.Quota{Accelerators: []v1.AcceleratorQuota{{Type: "atom", Count: 6}, {Type: "nvidia", Count: 0}}}
	return Sources{
		Catalogue: catalogue(t),
		Nodes:     []corev1.Node{machine("atom-1", atom, "8", "7"), cordoned, machine("atom-3", "rebellions.ai/npu", "4", "4"), machine("plain", "cpu", "8", "8")},
		Pods: []corev1.Pod{
			pod("ml-serving", "llama-8b-0", "atom-1", "llama-8b", container("2")),
			pod("ml-serving", "waits", "", "llama-8b", container("4")),
			pod("other", "secret", "atom-1", "", container("1")),
			pod("other", "alias", "atom-3", "", aliased("1")),
			done,
		},
		Projects: []v1.Project{project},
	}
}

func typeOf(t *testing.T, view View, name string) Type {
	t.Helper()
	at := slices.IndexFunc(view.Types, func(of Type) bool { return of.Type == name })
	if at < 0 {
		t.Fatalf("there is no %s among %v", name, view.Types)
	}
	return view.Types[at]
}

func TestViewWithoutRightsHasCountsOnly(t *testing.T) {
	t.Parallel()
	inventory := newInventory(sources(t))
	view := inventory.View(Rights{})
	want := Type{Type: "atom", Total: 20, Allocatable: 19, Allocated: 4, Free: 7, LargestFree: 4, Waiting: 4}
	if got := typeOf(t, view, "atom"); got != want {
		t.Errorf("atom is %+v, want %+v", got, want)
	}
	if got := typeOf(t, view, "nvidia"); got != (Type{Type: "nvidia"}) {
		t.Errorf("nvidia is %+v", got)
	}
	text, err := inventory.MarshalView(Rights{})
	if err != nil {
		t.Fatal(err)
	}
	if len(view.Nodes) != 3 {
		t.Errorf("%d nodes have devices, want 3", len(view.Nodes))
	}
	for _, name := range []string{"atom-1", "ml-serving", "secret", "llama"} {
		if bytes.Contains(text, []byte(name)) {
			t.Errorf("%s is named: %s", name, text)
		}
	}
}

func TestViewOfANamespaceHasItsPodsAndTheirNodes(t *testing.T) {
	t.Parallel()
	all := sources(t)
	all.Metrics = record(t, "rebellions").snapshot(t, nil)
	view := newInventory(all).View(Rights{Namespaces: map[string]bool{"ml-serving": true, "other": false}})
	node := view.Nodes[0]
	if node.Name != "atom-1" || view.Nodes[1].Name != "" || view.Nodes[2].Name != "" {
		t.Errorf("the nodes are %+v", view.Nodes)
	}
	holder := Holder{Pod: Pod{"ml-serving", "llama-8b-0", "llama-8b"}, Type: "atom", Count: 2}
	if !slices.Equal(node.Holders, []Holder{holder}) {
		t.Errorf("the holders are %+v", node.Holders)
	}
	if want := (NodeCount{Type: "atom", Total: 8, Allocatable: 7, Allocated: 3, Free: 4}); node.Types[0] != want {
		t.Errorf("the node has %+v, want %+v", node.Types[0], want)
	}
	if len(node.Devices) != 1 || node.Devices[0].ID != "rbln0" || *node.Devices[0].Pod != holder.Pod || node.Devices[0].Type != "atom" {
		t.Errorf("the devices are %+v", node.Devices)
	}
	six, none := int64(6), int64(0)
	want := []Project{{Namespace: "ml-serving", Types: []ProjectCount{{Type: "atom", Held: 2, Waiting: 4, Quota: &six}, {Type: "nvidia", Quota: &none}}}}
	if diff := cmp.Diff(want, view.Projects); diff != "" {
		t.Errorf("projects (-want +got):\n%s", diff)
	}
}

func TestViewWithNodesHasAllDevicesWithoutForeignPods(t *testing.T) {
	t.Parallel()
	all := sources(t)
	all.Metrics = record(t, "rebellions", "nvidia").snapshot(t, nil)
	view := newInventory(all).View(Rights{Nodes: true, Namespaces: map[string]bool{"other": true}})
	devices := view.Nodes[0].Devices
	if len(devices) != 2 || devices[0].Pod != nil || devices[1].Pod != nil {
		t.Errorf("the devices of atom-1 are %+v", devices)
	}
	if *devices[0].Utilization != 0.935 || !devices[0].Health.Healthy || devices[1].Health.Healthy {
		t.Errorf("the devices of atom-1 are %+v", devices)
	}
	if len(view.Unplaced) == 0 || view.Unplaced[0].Type != "nvidia" || view.Metrics.State != MetricsRead {
		t.Errorf("unplaced are %+v, metrics %+v", view.Unplaced, view.Metrics)
	}
}

func TestUnreportedValuesAreAbsent(t *testing.T) {
	t.Parallel()
	all := sources(t)
	inventory := newInventory(all)
	text, err := inventory.MarshalView(Rights{Nodes: true, AllNamespaces: true})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(`"metrics":{"state":"None","vendors":[]}`)) || bytes.Contains(text, []byte("utilization")) || bytes.Contains(text, []byte(`"devices"`)) {
		t.Errorf("without Prometheus: %s", text)
	}
	r := record(t, "sapeon")
	all.Metrics = r.snapshot(t, nil)
	all.Nodes = append(all.Nodes, machine("x330-1", "sapeon.com/snx3", "8", "8"))
	text, err = newInventory(all).MarshalView(Rights{Nodes: true})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(`"temperatures"`)) || bytes.Contains(text, []byte("utilization")) || bytes.Contains(text, []byte("memoryUsed")) {
		t.Errorf("an exporter without utilization: %s", text)
	}
}

func TestFailedVendorKeepsItsDevicesAsStale(t *testing.T) {
	t.Parallel()
	r := record(t, "rebellions", "nvidia")
	all := sources(t)
	before := r.snapshot(t, nil)
	r.refused = "rbln_"
	all.Metrics = r.snapshot(t, before)
	inventory := newInventory(all)
	for name, want := range map[string]struct {
		rights  Rights
		problem string
	}{
		"with nodes":    {Rights{Nodes: true}, "querying the metrics of RBLN devices: unreachable: dial tcp 10.0.0.1:9090"},
		"without nodes": {Rights{AllNamespaces: true}, cannotRead},
	} {
		view := inventory.View(want.rights)
		for _, vendor := range view.Metrics.Vendors {
			problem := ""
			if vendor.Family == "RBLN" {
				problem = want.problem
			}
			if vendor.Problem != problem || !vendor.Fetched.Equal(noon()) {
				t.Errorf("%s: the vendor is %+v, want %q", name, vendor, problem)
			}
		}
		if device := view.Nodes[0].Devices[0]; !device.Stale || device.Utilization == nil {
			t.Errorf("%s: the device is %+v, want it stale", name, device)
		}
	}
}

// Thanos returns what it has if a part of its stores does not respond.
func TestPartialMetricsAreReported(t *testing.T) {
	t.Parallel()
	r := record(t, "rebellions")
	r.warning = "no response of 10.0.0.2:10901"
	all := sources(t)
	all.Metrics = r.snapshot(t, nil)
	inventory := newInventory(all)
	for want, rights := range map[string]Rights{
		"Prometheus warns: no response of 10.0.0.2:10901": {Nodes: true}, incomplete: {AllNamespaces: true},
	} {
		if got := inventory.View(rights).Metrics.Vendors[0].Problem; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Two monitors of one GPU report one device. A partitioned GPU and its instance are two.
func TestDeviceIsIdentifiedByItsUUID(t *testing.T) {
	t.Parallel()
	sample := func(node string) fetchers.Sample {
		return fetchers.Sample{Time: noon(), Value: 40, Labels: labels{
			"__name__": "DCGM_FI_DEV_GPU_TEMP", "gpu": "0", "UUID": "GPU-1", "Hostname": model.LabelValue(node), "modelName": "H100",
		}}
	}
	parent, instance := sample("gpu-1"), sample("gpu-1")
	instance.Labels = labels{
		"__name__": "DCGM_FI_DEV_FB_USED", "gpu": "0", "UUID": "GPU-1", "Hostname": "gpu-1", "modelName": "H100", "GPU_I_ID": "1", "GPU_I_PROFILE": "1g.10gb",
	}
	for name, test := range map[string]struct {
		samples []fetchers.Sample
		want    map[string]bool // whether it is partitioned, by id
	}{
		"two monitors":   {[]fetchers.Sample{sample("gpu-1"), sample("gpu-1")}, map[string]bool{"0": false}},
		"a MIG instance": {[]fetchers.Sample{parent, instance}, map[string]bool{"0": true, "0/1": false}},
	} {
		all := sources(t)
		all.Nodes = append(all.Nodes, machine("gpu-1", "nvidia.com/gpu", "1", "1"))
		all.Metrics = (&recorded{samples: test.samples}).snapshot(t, nil)
		view, got := newInventory(all).View(Rights{Nodes: true}), map[string]bool{}
		for _, node := range view.Nodes {
			for _, device := range node.Devices {
				got[device.ID] = device.Partitioned
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: the devices, and whether they are partitioned (-want +got):\n%s", name, diff)
		}
	}
}

func TestMetricsAreAwaitedBeforeTheFirstRead(t *testing.T) {
	t.Parallel()
	all := sources(t)
	all.Metrics = &fetchers.Snapshot{}
	if got := newInventory(all).View(Rights{}).Metrics.State; got != MetricsAwaited {
		t.Errorf("the state is %s", got)
	}
}

func TestViewsAreCachedByRights(t *testing.T) {
	t.Parallel()
	inventory := newInventory(sources(t))
	seen := func(rights Rights) *byte {
		text, err := inventory.MarshalView(rights)
		if err != nil {
			t.Fatal(err)
		}
		return &text[0]
	}
	one := seen(Rights{Namespaces: map[string]bool{"ml-serving": true, "other": false}})
	if one != seen(Rights{Namespaces: map[string]bool{"ml-serving": true}}) {
		t.Error("a view was computed twice")
	}
	for name, other := range map[string]Rights{
		"nodes":      {Nodes: true, Namespaces: map[string]bool{"ml-serving": true}},
		"everywhere": {AllNamespaces: true},
		"more":       {Namespaces: map[string]bool{"ml-serving": true, "other": true}},
		"nothing":    {},
	} {
		if one == seen(other) {
			t.Errorf("%s: a view was shared between different rights", name)
		}
	}
	for i := range 2 * maxViews {
		seen(Rights{Namespaces: map[string]bool{strconv.Itoa(i): true}})
	}
	if got := len(inventory.views); got != maxViews {
		t.Errorf("%d views are cached, want %d", got, maxViews)
	}
}

func TestDescribedDeviceHasItsVendorsTypeAndTheFamilyOfThePlugin(t *testing.T) {
	t.Parallel()
	all := sources(t)
	all.Metrics = record(t, "described").snapshot(t, nil)
	got := map[string][3]string{}
	for _, device := range newInventory(all).View(Rights{Nodes: true}).Unplaced {
		got[device.ID] = [3]string{device.Family, device.Type, device.Model}
	}
	want := map[string][3]string{
		"0000:17:00.0": {"DevicePlugin", "", "n300"},
		"0000:18:00.0": {"DevicePlugin", "rngd", ""},
		"0000:5e:00.0": {"Sapeon", "x330", "X330"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}
