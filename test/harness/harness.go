package harness

import (
	"errors"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Harness is one test's access to the control plane, as its administrator.
type Harness struct {
	testing.TB

	// Client is the administrator's.
	Client client.WithWatch
	// Namespace is the test's own. It is deleted after the test.
	Namespace string

	plane *controlPlane
}

// Option changes what New prepares for one test.
type Option func(*options)

type options struct{ reserveNamespace bool }

// ReserveNamespace leaves the namespace to the test, or to the Project that the test
// creates: Namespace is then a name that no other test has.
func ReserveNamespace() Option { return func(o *options) { o.reserveNamespace = true } }

// New returns the test's Harness, starting the control plane for the first test.
func New(tb testing.TB, opts ...Option) *Harness {
	tb.Helper()
	return newHarness(tb, acquire(tb), opts)
}

// NewIsolated returns a Harness with a control plane of its own, which a call of stop, or
// the test's end, stops. Its start takes seconds: benchmarks need it, tests share one.
func NewIsolated(tb testing.TB, setup ...Setup) (h *Harness, stop func()) {
	tb.Helper()
	plane := newControlPlane(setup)
	stop = sync.OnceFunc(func() {
		if err := plane.stop(); err != nil {
			tb.Error("stopping the control plane: ", err)
		}
	})
	tb.Cleanup(stop)
	if err := plane.start(tb.Context()); err != nil {
		tb.Fatal("no control plane: ", err)
	}
	return newHarness(tb, plane, []Option{ReserveNamespace()}), stop
}

func newHarness(tb testing.TB, plane *controlPlane, opts []Option) *Harness {
	tb.Helper()
	var chosen options
	for _, set := range opts {
		set(&chosen)
	}
	h := &Harness{TB: tb, plane: plane}
	h.Client = h.ClientFor(h.Config())
	if chosen.reserveNamespace {
		h.Namespace = uniqueName(tb.Name())
	} else {
		h.Namespace = h.NewNamespace()
	}
	return h
}

// Cluster returns the control plane itself.
func (h *Harness) Cluster() *cluster.Cluster { return h.plane.cluster }

// Config returns the administrator's access, without client-side rate limits.
func (h *Harness) Config() *rest.Config { return h.Cluster().RESTConfig() }

// ConfigAs returns a user's access.
func (h *Harness) ConfigAs(user string, groups ...string) *rest.Config {
	config := h.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	return config
}

// ClientAs returns a user's client.
func (h *Harness) ClientAs(user string, groups ...string) client.WithWatch {
	h.Helper()
	return h.ClientFor(h.ConfigAs(user, groups...))
}

// ClientFor returns a client for NuFi's kinds and Kubernetes' own.
func (h *Harness) ClientFor(config *rest.Config) client.WithWatch {
	h.Helper()
	kinds := runtime.NewScheme()
	h.Must(errors.Join(scheme.AddToScheme(kinds), v1.AddToScheme(kinds)))
	made, err := client.NewWithWatch(config, client.Options{Scheme: kinds})
	h.Must(err)
	return made
}

// Kubernetes returns the administrator's typed client.
func (h *Harness) Kubernetes() kubernetes.Interface {
	h.Helper()
	clients, err := kubernetes.NewForConfig(h.Config())
	h.Must(err)
	return clients
}

// AddNodes adds simulated nodes, which takes Workloads. All tests of the package share
// them: a test that counts devices gives its nodes a label of its own, and its pods the
// selector. A pod annotated nufi.test/status: manual is placed on a node and never
// started: the test writes its status.
func (h *Harness) AddNodes(nodes ...cluster.Node) {
	h.Helper()
	h.Must(h.Cluster().AddNodes(h.Context(), nodes...))
}

// Must fails the test on an error.
func (h *Harness) Must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}
