package harness

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
)

// NewNamespace creates another namespace for the test and deletes it afterwards. Where
// the controller-manager runs, pods can be created in it.
func (h *Harness) NewNamespace() string {
	h.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: uniqueName(h.Name())}}
	h.Create(namespace)
	h.Cleanup(func() { h.removeNamespace(namespace) })
	if slices.Contains(h.plane.components, cluster.ControllerManager) {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "default"}}
		h.AwaitObject(account, "its creation", func() bool { return true }) // No pod is admitted without it.
	}
	return namespace.Name
}

// removeNamespace does not wait: the namespace's pods give their devices back at once.
func (h *Harness) removeNamespace(namespace *corev1.Namespace) {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.Context()), 10*time.Second)
	defer cancel()
	if err := client.IgnoreNotFound(h.Client.Delete(ctx, namespace)); err != nil {
		h.Error("deleting the test's namespace: ", err)
	}
}

// uniqueName turns a test's name into a namespace's.
func uniqueName(test string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, strings.TrimPrefix(test, "Test"))
	return strings.Trim(name[:min(len(name), 40)], "-") + "-" + rand.String(5)
}
