package kube_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

func TestServersRulesFillItsCaches(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	system, err := kube.NewSystemClient(h.APIServerConfig())
	if err != nil {
		t.Fatal(err)
	}
	scheme, err := kube.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	synced, err := system.NewCache(cache.Options{Scheme: scheme, ReaderFailOnMissingInformer: true}, kube.NewConnectivity(time.Now, logr.Discard()))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []client.Object{&v1.NpuDeploy{}, &corev1.Pod{}, &corev1.Node{}} {
		if _, err := synced.GetInformer(t.Context(), kind, cache.BlockUntilSynced(false)); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() { ended <- synced.Start(ctx) }()
	if !synced.WaitForCacheSync(ctx) {
		t.Fatal("the caches did not sync")
	}

	namespace := h.Namespace
	admin, err := client.New(h.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.Create(t.Context(), deployIn(namespace)); err != nil {
		t.Fatal(err)
	}
	h.AwaitNoError("the grant", func(ctx context.Context) error {
		return synced.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "llama"}, &v1.NpuDeploy{})
	})
	if err := synced.List(t.Context(), &corev1.SecretList{}); err == nil {
		t.Error("Secrets are listed")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServerCannotWrite(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	scheme, err := kube.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	own, err := client.New(h.APIServerConfig(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	namespace := h.Namespace
	h.AwaitNoError("the grant", func(ctx context.Context) error { return own.List(ctx, &v1.NpuDeployList{}) })
	wantForbidden(t, "create", own.Create(t.Context(), deployIn(namespace)))
	wantForbidden(t, "delete", own.Delete(t.Context(), deployIn(namespace)))
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"model":"a/b"}}`))
	wantForbidden(t, "patch", own.Patch(t.Context(), deployIn(namespace), patch))
	wantForbidden(t, "secret", own.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "a"}, &corev1.Secret{}))
	wantForbidden(t, "namespace", own.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
}
