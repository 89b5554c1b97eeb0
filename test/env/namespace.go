package env

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/dudaji/nufi/internal/cluster"
)

// Namespace creates a namespace for the test and deletes it afterwards. Where the
// controller-manager runs, it can hold pods when Namespace returns.
func (e *Env) Namespace(tb testing.TB) string {
	tb.Helper()
	client, err := kubernetes.NewForConfig(e.Config(tb))
	if err != nil {
		tb.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix(tb.Name())}}
	created, err := client.CoreV1().Namespaces().Create(tb.Context(), namespace, metav1.CreateOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { remove(tb, client, created.Name) })
	if slices.Contains(e.run, cluster.ControllerManager) {
		awaitServiceAccount(tb, client, created.Name)
	}
	return created.Name
}

// remove does not wait: the namespace's pods give their devices back at once.
func remove(tb testing.TB, client kubernetes.Interface, namespace string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 10*time.Second)
	defer cancel()
	if err := client.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil {
		tb.Error(err)
	}
}

// awaitServiceAccount waits for the account without which no pod is admitted.
func awaitServiceAccount(tb testing.TB, client kubernetes.Interface, namespace string) {
	tb.Helper()
	err := wait.PollUntilContextCancel(tb.Context(), 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		tb.Fatal("waiting for the default service account: ", err)
	}
}

// prefix makes a test's name into the beginning of a namespace's.
func prefix(test string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, strings.TrimPrefix(test, "Test"))
	return strings.Trim(name[:min(len(name), 50)], "-") + "-"
}
