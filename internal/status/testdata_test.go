package status_test

import (
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/dudaji/nufi/internal/scheduling"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// now is the time of every evaluation.
func now() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) }

// extra is the part of a case that no Kubernetes object has.
type extra struct {
	Render, Apply *status.Outcome
	Accelerator   *v1.AcceleratorStatus
	Devices       *status.Devices
	Image         string // of the rendered spec
	// PlacementSeconds is the limit of the rendered spec.
	PlacementSeconds int32
	Route            *struct {
		Kind                   v1.EndpointKind
		Host, Owner, Forbidden string
		Shares                 []v1.TrafficStatus
		Picker                 *appsv1.Deployment
	}
	SpecObserved bool
	Rejection    string // of a pod of a group
	Admission    string
	Update       *status.Update
	// Absent names the objects of base.yaml that this case removes.
	Absent []string
}

// parse reads the documents of a case over those of base.yaml.
func parse(tb testing.TB, text string) status.Observed {
	tb.Helper()
	base, err := os.ReadFile("testdata/base.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	observed := status.Observed{
		Deploy:     &v1.NpuDeploy{},
		Workload:   status.Workload{Deployment: &appsv1.Deployment{}},
		Scheduling: status.SchedulingContext{Nodes: map[string]status.Node{}},
		Outcomes:   status.Outcomes{Now: now()},
	}
	for _, documents := range []string{string(base), text} {
		for _, document := range strings.Split(documents, "\n---\n") {
			add(tb, &observed, document)
		}
	}
	return observed
}

func add(tb testing.TB, observed *status.Observed, document string) {
	tb.Helper()
	var kind metav1.TypeMeta
	read(tb, document, &kind)
	workload := &observed.Workload
	switch kind.Kind {
	case "":
	case "NpuDeploy":
		read(tb, document, observed.Deploy)
	case "Deployment":
		deployment := workload.Deployment
		if workload.Prefill != nil {
			deployment = workload.Prefill.Deployment
		}
		read(tb, document, deployment)
	case "LeaderWorkerSet":
		groups, err := status.NewLeaderWorkerSet(readRoute(tb, document))
		if err != nil {
			tb.Fatal(err)
		}
		workload.Deployment, workload.Groups, workload.ReplicaSets = nil, groups, nil
	case "RayService":
		ray, err := status.NewRayService(readRoute(tb, document))
		if err != nil {
			tb.Fatal(err)
		}
		workload.Deployment, workload.Ray, workload.ReplicaSets = nil, ray, nil
	case "ReplicaSet":
		workload.ReplicaSets = append(workload.ReplicaSets, readNew[metav1.PartialObjectMetadata](tb, document))
	case "Pod":
		switch pod := readPod(tb, document); {
		case pod.Labels[v1.LabelPicker] != "":
			observed.Route.Picker.Pods = append(observed.Route.Picker.Pods, pod)
		case pod.Labels[status.LabelRole] == status.RolePrefill:
			workload.Prefill.Pods = append(workload.Prefill.Pods, pod)
		default:
			workload.Pods = append(workload.Pods, pod)
		}
	case "Prefill": // The next Deployment is its own, and the ReplicaSets before it are those of both.
		workload.Prefill = &status.Workload{Deployment: &appsv1.Deployment{}, ReplicaSets: workload.ReplicaSets}
	case "Event":
		workload.Warnings = append(workload.Warnings, readNew[corev1.Event](tb, document))
	case "Node":
		node := readNew[corev1.Node](tb, document)
		ready := node.Status.Conditions[0]
		observed.Scheduling.Nodes[node.Name] = status.Node{
			Ready: ready.Status == corev1.ConditionTrue, Since: ready.LastTransitionTime,
		}
	case "Observed":
		addExtra(observed, readNew[extra](tb, document))
	case "HorizontalPodAutoscaler", "ScaledObject":
		observed.Autoscaler = readRoute(tb, document)
	case "InferencePool":
		observed.Route.Pool = readRoute(tb, document)
	default:
		observed.Route.Object = readRoute(tb, document)
	}
}

// readPod returns a pod as informers have it, with the label of the current revision if it has none.
func readPod(tb testing.TB, document string) corev1.Pod {
	tb.Helper()
	pod := readNew[corev1.Pod](tb, document)
	if pod.Labels == nil {
		pod.Labels = map[string]string{appsv1.DefaultDeploymentUniqueLabelKey: "new"}
	}
	stripped, err := scheduling.StripPodSpec(&pod)
	if err != nil {
		tb.Fatal(err)
	}
	return *stripped.(*corev1.Pod)
}

// readRoute decodes numbers as the client of the API server does.
func readRoute(tb testing.TB, document string) *unstructured.Unstructured {
	tb.Helper()
	route := &unstructured.Unstructured{}
	text, err := yaml.YAMLToJSON([]byte(document))
	if err == nil {
		err = route.UnmarshalJSON(text)
	}
	if err != nil {
		tb.Fatalf("reading a route: %v\n%s", err, document)
	}
	return route
}

func addExtra(observed *status.Observed, extra extra) {
	set(&observed.Render, extra.Render)
	set(&observed.Apply, extra.Apply)
	set(&observed.Scheduling.Devices, extra.Devices)
	observed.Workload.SpecObserved = observed.Workload.SpecObserved || extra.SpecObserved
	observed.Workload.Rejection = extra.Rejection
	observed.Workload.Admission = extra.Admission
	observed.Update = extra.Update
	if extra.Accelerator != nil {
		observed.Resolved = &status.Resolved{Accelerator: extra.Accelerator, Image: extra.Image, Workload: "Deployment", PlacementSeconds: extra.PlacementSeconds}
		if extra.Accelerator.Nodes > 1 {
			observed.Resolved.Workload = "LeaderWorkerSet"
		}
	}
	if extra.Route != nil {
		observed.Route.Kind, observed.Route.Host, observed.Route.Owner = extra.Route.Kind, extra.Route.Host, extra.Route.Owner
		observed.Route.Forbidden, observed.Route.Shares = extra.Route.Forbidden, extra.Route.Shares
		if extra.Route.Picker != nil {
			observed.Route.Picker = &status.Workload{Deployment: extra.Route.Picker}
		}
	}
	for _, name := range extra.Absent {
		switch name {
		case "Deployment":
			observed.Workload = status.Workload{}
		case "Resolved":
			observed.Resolved, observed.Route = nil, status.Route{}
		}
	}
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

func readNew[T any](tb testing.TB, document string) T {
	tb.Helper()
	var value T
	read(tb, document, &value)
	return value
}

func read(tb testing.TB, document string, into any) {
	tb.Helper()
	if err := yaml.Unmarshal([]byte(document), into); err != nil {
		tb.Fatalf("reading testdata: %v\n%s", err, document)
	}
}
