package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	// Timeout limits every wait. It is generous: it ends only tests that fail.
	Timeout = 90 * time.Second
	// pollInterval is the interval at which conditions that cannot be watched are checked.
	pollInterval = 10 * time.Millisecond
)

// Await polls a condition that spans more than one object. what describes it in the failure: "two
// pods".
func (h *Harness) Await(what string, condition func() bool, objects ...client.Object) {
	h.Helper()
	err := wait.PollUntilContextTimeout(h.Context(), pollInterval, Timeout, true,
		func(context.Context) (bool, error) { return condition(), nil })
	if err != nil {
		h.Fatalf("waiting for %s: %v\n%s", what, err, h.State(objects...))
	}
}

// AwaitNoError repeats a call until it returns no error.
func (h *Harness) AwaitNoError(what string, call func(ctx context.Context) error) {
	h.Helper()
	var last error
	defer func() {
		if h.Failed() {
			h.Log("the last error: ", last)
		}
	}()
	h.Await(what, func() bool {
		last = call(h.Context())
		return last == nil
	})
}

// AwaitObject watches an object, which need not exist yet, until the condition holds.
// The condition reads the object itself, which is updated before each call.
func (h *Harness) AwaitObject(object client.Object, what string, condition func() bool) {
	h.Helper()
	h.follow(object, what, func(exists bool) bool { return exists && condition() })
}

// AwaitNewer returns when an object that is created from now on is newer than this one: times of creation are in seconds.
func (h *Harness) AwaitNewer(object client.Object) {
	h.Helper()
	h.Get(object)
	next := object.GetCreationTimestamp().Add(time.Second)
	h.Await("the next second", func() bool { return !time.Now().Before(next) }, object)
}

// AwaitGone watches an object until it does not exist.
func (h *Harness) AwaitGone(object client.Object) {
	h.Helper()
	h.follow(object, "its end", func(exists bool) bool { return !exists })
}

// AwaitCondition watches an object until a condition of its current generation has the
// status and the reason, and returns that condition.
func (h *Harness) AwaitCondition(object client.Object, conditionType string, status metav1.ConditionStatus, reason string) metav1.Condition {
	h.Helper()
	var condition *metav1.Condition
	h.AwaitObject(object, fmt.Sprintf("%s to be %s for the reason %s", conditionType, status, reason), func() bool {
		condition = h.Condition(object, conditionType)
		return condition != nil && condition.Status == status && condition.Reason == reason &&
			condition.ObservedGeneration == object.GetGeneration()
	})
	return *condition
}

// AwaitReady watches an NpuDeploy until its current generation is Ready with this summary of replicas.
func (h *Harness) AwaitReady(name, replicas string) {
	h.Helper()
	deploy := h.NpuDeploy(name)
	h.AwaitObject(deploy, "Ready with "+replicas, func() bool {
		ready := h.Condition(deploy, v1.ConditionReady)
		return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == deploy.Generation &&
			deploy.Status.ReplicaSummary == replicas
	})
}

// Condition returns a condition of an object that has been read, or nil.
func (h *Harness) Condition(object client.Object, conditionType string) *metav1.Condition {
	h.Helper()
	var read struct {
		Status struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	h.Must(err)
	h.Must(runtime.DefaultUnstructuredConverter.FromUnstructured(content, &read))
	return meta.FindStatusCondition(read.Status.Conditions, conditionType)
}

// follow lists and watches an object until done. A watch that ends is opened again.
func (h *Harness) follow(object client.Object, what string, done func(exists bool) bool) {
	h.Helper()
	kind, err := h.Client.GroupVersionKindFor(object)
	h.Must(err)
	ctx, cancel := context.WithTimeout(h.Context(), Timeout)
	defer cancel()
	f := follower{h, object, &unstructured.UnstructuredList{}, done}
	f.list.SetGroupVersionKind(kind)
	last := err
	err = wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		var holds bool
		holds, last = f.watch(ctx)
		return holds, nil
	})
	if err != nil {
		h.Fatalf("waiting for %s of %s %s: %v\n%s", what, kind.Kind, object.GetName(), errors.Join(err, last), h.State(object))
	}
}

// follower watches one object.
type follower struct {
	*Harness

	object client.Object
	list   *unstructured.UnstructuredList
	done   func(exists bool) bool
}

// watch reports whether the condition held before the watch ended.
func (f follower) watch(ctx context.Context) (bool, error) {
	selector := &client.ListOptions{
		Namespace:     f.object.GetNamespace(),
		FieldSelector: fields.OneTermEqualSelector("metadata.name", f.object.GetName()),
	}
	if err := f.Client.List(ctx, f.list, selector); err != nil {
		return false, err
	}
	holds, err := f.check(f.list.Items)
	if holds || err != nil {
		return holds, err
	}
	selector.Raw = &metav1.ListOptions{ResourceVersion: f.list.GetResourceVersion()}
	events, err := f.Client.Watch(ctx, f.list, selector)
	if err != nil {
		return false, err
	}
	defer events.Stop()
	for event := range events.ResultChan() {
		object, is := event.Object.(*unstructured.Unstructured)
		if event.Type == watch.Error || !is {
			return false, fmt.Errorf("watching: %v", event.Object)
		}
		var existing []unstructured.Unstructured
		if event.Type != watch.Deleted {
			existing = append(existing, *object)
		}
		if holds, err := f.check(existing); holds || err != nil {
			return holds, err
		}
	}
	return false, nil
}

// check copies what exists, one object at most, into the caller's object.
func (f follower) check(existing []unstructured.Unstructured) (bool, error) {
	if len(existing) == 0 {
		return f.done(false), nil
	}
	if object, is := f.object.(*unstructured.Unstructured); is {
		object.Object = existing[0].Object
		return f.done(true), nil
	}
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(existing[0].Object, f.object)
	return err == nil && f.done(true), err
}

// State returns what a failure shows: objects as YAML, the status of the namespace's
// NpuDeploys and Project, its pods and its latest events.
func (h *Harness) State(objects ...client.Object) string {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.Context()), 10*time.Second)
	defer cancel()
	var b strings.Builder
	for _, object := range objects {
		h.writeYAML(&b, object)
	}
	deploys := &v1.NpuDeployList{}
	if err := h.Client.List(ctx, deploys, client.InNamespace(h.Namespace)); err != nil {
		return b.String() + err.Error()
	}
	for i := range deploys.Items {
		writeConditions(&b, "NpuDeploy "+deploys.Items[i].Name, deploys.Items[i].Status.Conditions)
	}
	project := &v1.Project{}
	if err := h.Client.Get(ctx, client.ObjectKey{Name: h.Namespace}, project); err == nil {
		writeConditions(&b, "Project "+project.Name, project.Status.Conditions)
	}
	h.writePods(ctx, &b)
	h.writeEvents(ctx, &b)
	return b.String()
}

func (h *Harness) writeYAML(b *strings.Builder, object client.Object) {
	shown := object.DeepCopyObject().(client.Object)
	shown.SetManagedFields(nil)
	text, err := yaml.Marshal(shown)
	if err != nil {
		text = []byte(err.Error())
	}
	fmt.Fprintf(b, "---\n%s", text)
}

func writeConditions(b *strings.Builder, of string, conditions []metav1.Condition) {
	fmt.Fprintln(b, of)
	for _, c := range conditions {
		fmt.Fprintf(b, "  %s %s %s (generation %d): %s\n", c.Type, c.Status, c.Reason, c.ObservedGeneration, c.Message)
	}
}

func (h *Harness) writePods(ctx context.Context, b *strings.Builder) {
	pods := &corev1.PodList{}
	if err := h.Client.List(ctx, pods, client.InNamespace(h.Namespace)); err != nil {
		fmt.Fprintln(b, err)
	}
	for i := range pods.Items {
		fmt.Fprintf(b, "Pod %s: %s on %q\n", pods.Items[i].Name, pods.Items[i].Status.Phase, pods.Items[i].Spec.NodeName)
	}
}

// writeEvents shows the latest twenty.
func (h *Harness) writeEvents(ctx context.Context, b *strings.Builder) {
	events := &corev1.EventList{}
	if err := h.Client.List(ctx, events, client.InNamespace(h.Namespace)); err != nil {
		fmt.Fprintln(b, err)
	}
	slices.SortFunc(events.Items, func(x, y corev1.Event) int { return x.CreationTimestamp.Compare(y.CreationTimestamp.Time) })
	for _, e := range events.Items[max(0, len(events.Items)-20):] {
		fmt.Fprintf(b, "Event %s %s %s/%s: %s\n", e.Type, e.Reason, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Message)
	}
}
