package harness

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// NpuDeploy returns the key of one in the test's namespace, for Get and the Await methods.
func (h *Harness) NpuDeploy(name string) *v1.NpuDeploy {
	return &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Namespace: h.Namespace, Name: name}}
}

// Object returns the key of an object of any kind. The namespace is the test's if the
// kind has namespaces.
func (h *Harness) Object(kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	h.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	object.SetName(name)
	h.setNamespace(object)
	return object
}

func (h *Harness) setNamespace(object *unstructured.Unstructured) {
	h.Helper()
	if object.GetNamespace() != "" {
		return
	}
	namespaced, err := h.Client.IsObjectNamespaced(object)
	h.Must(err)
	if namespaced {
		object.SetNamespace(h.Namespace)
	}
}

// Get reads an object, and reports whether it exists. An API server that cannot be
// reached is tried again.
func (h *Harness) Get(object client.Object) bool {
	h.Helper()
	var last error
	err := wait.PollUntilContextTimeout(h.Context(), pollInterval, Timeout, true, func(ctx context.Context) (bool, error) {
		last = h.Client.Get(ctx, client.ObjectKeyFromObject(object), object)
		return !isUnreachable(last), nil
	})
	h.Must(errors.Join(err, client.IgnoreNotFound(last)))
	return last == nil
}

// isUnreachable reports whether an error is no answer of the API server's.
func isUnreachable(err error) bool {
	var answer interface{ Status() metav1.Status }
	return err != nil && !errors.As(err, &answer) && !meta.IsNoMatchError(err)
}

// Find returns an object of the test's namespace, or nil if it does not exist.
func (h *Harness) Find(kind schema.GroupVersionKind, name string) *unstructured.Unstructured {
	h.Helper()
	object := h.Object(kind, name)
	if !h.Get(object) {
		return nil
	}
	return object
}

// Create creates an object as the administrator.
func (h *Harness) Create(object client.Object, options ...client.CreateOption) {
	h.Helper()
	h.Must(h.Client.Create(h.Context(), object, options...))
}

// Delete deletes an object and does not wait for its end.
func (h *Harness) Delete(object client.Object, options ...client.DeleteOption) {
	h.Helper()
	h.Must(h.Client.Delete(h.Context(), object, options...))
}

// Patch merges JSON into an object as the field manager "gitops", another user of the cluster.
func (h *Harness) Patch(object client.Object, merge string) {
	h.Helper()
	patch := client.RawPatch(types.MergePatchType, []byte(merge))
	h.Must(h.Client.Patch(h.Context(), object, patch, client.FieldOwner("gitops")))
}

// Apply server-side applies manifests in YAML, as `kubectl apply --server-side
// --force-conflicts` does. NAMESPACE stands for the test's namespace, which is also
// that of an object that names none.
func (h *Harness) Apply(manifests string) {
	h.Helper()
	for _, object := range h.Parse(manifests) {
		h.setNamespace(object)
		h.apply(object)
	}
}

func (h *Harness) apply(object *unstructured.Unstructured) {
	h.Helper()
	h.Must(h.Client.Apply(h.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("kubectl"), client.ForceOwnership))
}

// Parse reads manifests, with the test's namespace for NAMESPACE. Whole numbers are int64.
func (h *Harness) Parse(manifests string) []*unstructured.Unstructured {
	h.Helper()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(strings.ReplaceAll(manifests, "NAMESPACE", h.Namespace)), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		h.Must(err)
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// Install applies files of the repository, such as bundle/namespace.yaml, once for all
// tests of the package.
func (h *Harness) Install(files ...string) {
	h.Helper()
	h.plane.mu.Lock()
	defer h.plane.mu.Unlock()
	for _, file := range files {
		if h.plane.installed[file] {
			continue
		}
		for _, object := range h.Parse(h.File(file)) {
			h.apply(object)
		}
		h.plane.installed[file] = true
	}
}

// Pods lists the pods of the namespace.
func (h *Harness) Pods() []corev1.Pod {
	h.Helper()
	var pods corev1.PodList
	h.Must(h.Client.List(h.Context(), &pods, client.InNamespace(h.Namespace)))
	return pods.Items
}

// PodNames returns the names of the pods of the namespace by their UIDs, which tell whether a pod was replaced.
func (h *Harness) PodNames() map[types.UID]string {
	h.Helper()
	names := map[types.UID]string{}
	for _, pod := range h.Pods() {
		names[pod.UID] = pod.Name
	}
	return names
}

// Path returns the absolute path of a file of the repository.
func (h *Harness) Path(elements ...string) string {
	return filepath.Join(append([]string{h.plane.root}, elements...)...)
}

// File returns the content of a file of the repository.
func (h *Harness) File(name string) string {
	h.Helper()
	content, err := os.ReadFile(h.Path(name))
	h.Must(err)
	return string(content)
}

// Kubectl runs kubectl as the administrator and returns what it prints.
func (h *Harness) Kubectl(args ...string) string {
	h.Helper()
	out, err := h.Cluster().Kubectl(h.Context(), args...)
	h.Must(err)
	return out
}

// AwaitKubectl runs kubectl until it prints the text, surrounding spaces aside.
func (h *Harness) AwaitKubectl(want string, args ...string) {
	h.Helper()
	got := ""
	err := wait.PollUntilContextTimeout(h.Context(), 50*time.Millisecond, Timeout, true, func(ctx context.Context) (bool, error) {
		out, err := h.Cluster().Kubectl(ctx, args...)
		if err != nil {
			out = err.Error()
		}
		got = strings.TrimSpace(out)
		return err == nil && got == want, nil
	})
	if err != nil {
		h.Fatalf("kubectl %s: got %q, want %q\n%s", strings.Join(args, " "), got, want, h.State())
	}
}
