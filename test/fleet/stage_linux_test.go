package fleet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/env"
)

// fleet is a cluster of its own and who works on it.
type fleet struct {
	*testing.B
	cluster   *cluster.Cluster
	client    client.Client
	root      string
	templates string
	process   *process
	stop      func() // the cluster, and the controller before it
}

const namespace = "fleet"

func newFleet(b *testing.B) *fleet {
	b.Helper()
	log.SetLogger(logr.Discard())
	f := &fleet{B: b, templates: b.TempDir()}
	var err error
	if f.root, err = cluster.Checkout("."); err != nil {
		b.Fatal(err)
	}
	if err := os.CopyFS(f.templates, nufi.Module()); err != nil {
		b.Fatal(err)
	}
	f.editPolicy(`serviceAccount: "Own"`, `serviceAccount: "NamespaceDefault"`)
	f.startCluster()
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1.AddToScheme} {
		if err := add(known); err != nil {
			b.Fatal(err)
		}
	}
	if f.client, err = client.New(f.cluster.RESTConfig(), client.Options{Scheme: known}); err != nil {
		b.Fatal(err)
	}
	if err := f.client.Create(b.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		b.Fatal(err)
	}
	return f
}

func (f *fleet) startCluster() {
	f.Helper()
	builder, err := cluster.NewBuilder(env.Announce(os.Stderr))
	if err != nil {
		f.Fatal(err)
	}
	assets, err := builder.Assets(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	var crds []string
	for _, folder := range []string{"bundle/crd", "devcluster/crds"} {
		found, err := filepath.Glob(filepath.Join(f.root, folder, "*.yaml"))
		if err != nil {
			f.Fatal(err)
		}
		crds = append(crds, found...)
	}
	f.cluster, err = cluster.Start(f.Context(), cluster.Options{
		Dir: f.TempDir(), Assets: assets, CRDs: crds, Run: []cluster.Component{cluster.ControllerManager},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.stop = sync.OnceFunc(func() {
		if err := f.cluster.Stop(); err != nil {
			f.Error(err)
		}
	})
	f.Cleanup(f.stop)
}

// deploy is the i-th NpuDeploy, with three children: a Deployment, a Service and a
// VirtualService.
func deploy(i int) *v1.NpuDeploy {
	count, replicas := int32(1), int32(1)
	name := fmt.Sprintf("server-%04d", i)
	return &v1.NpuDeploy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1.NpuDeploySpec{
			Model:           "org/model",
			Accelerator:     &v1.Accelerator{Type: "atom", Count: &count},
			InferenceServer: &v1.InferenceServer{Replicas: &replicas},
			Endpoint:        &v1.Endpoint{Host: name + ".nufi.me"},
		},
	}
}

func (f *fleet) createDeploys() {
	f.Helper()
	f.each(func(ctx context.Context, i int) error { return f.client.Create(ctx, deploy(i)) })
}

// changePolicy adds an annotation to every object, and returns how long it took until
// all have it.
func (f *fleet) changePolicy() time.Duration {
	f.Helper()
	before := f.metric("nufi_applies_total", `result="configured"`)
	f.editPolicy("annotations: {}", `annotations: {note: "new"}`)
	return f.await("the new policy", func() bool {
		return f.metric("nufi_applies_total", `result="configured"`)-before >= float64(*size*children)
	})
}

// editPolicy replaces a part of the policy, in one step.
func (f *fleet) editPolicy(old, changed string) {
	f.Helper()
	name := filepath.Join(f.templates, "schemas/policy/policy.cue")
	content, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	if strings.Count(string(content), old) != 1 {
		f.Fatalf("the policy has no %s, or more than one", old)
	}
	aside := filepath.Join(f.TempDir(), "policy.cue")
	if err := os.WriteFile(aside, []byte(strings.Replace(string(content), old, changed, 1)), 0o600); err != nil {
		f.Fatal(err)
	}
	if err := os.Rename(aside, name); err != nil {
		f.Fatal(err)
	}
}

// awaitChildren returns how long it took until the last child was written. Each look costs
// the controller CPU: it is often only towards the end.
func (f *fleet) awaitChildren() time.Duration {
	f.Helper()
	all := float64(*size * children)
	most := f.await("most children", func() bool { return f.created() >= all*0.95 })
	return most + f.awaitEvery(20*time.Millisecond, "all children", func() bool { return f.created() >= all })
}

// await looks once a second, and returns how long it took.
func (f *fleet) await(what string, is func() bool) time.Duration {
	f.Helper()
	return f.awaitEvery(time.Second, what, is)
}

func (f *fleet) awaitEvery(interval time.Duration, what string, is func() bool) time.Duration {
	f.Helper()
	start := time.Now()
	for !is() {
		if time.Since(start) > 20*time.Minute {
			f.Fatalf("waited too long for %s", what)
		}
		f.pass(interval)
	}
	return time.Since(start)
}

// settle waits until the controller has written nothing for a while.
func (f *fleet) settle() {
	f.Helper()
	last, since := f.writes(), time.Now()
	f.await("the controller to come to rest", func() bool {
		if now := f.writes(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > calm
	})
}

func (f *fleet) pass(span time.Duration) {
	select {
	case <-f.Context().Done():
	case <-time.After(span):
	}
}
