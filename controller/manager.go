package controller

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	// An error is tried again at once, then ever more slowly. That somebody hands over an
	// object without our label is no event: it is seen at the next attempt.
	retryFirst = 50 * time.Millisecond
	retryLast  = time.Minute
	// stopLimit fits into a pod's default grace period.
	stopLimit = 20 * time.Second
)

// Options are the program's flags, and what a test replaces.
type Options struct {
	MetricsAddress          string // "0" serves none
	ProbeAddress            string // "0" serves none
	LeaderElection          bool
	LeaderElectionNamespace string // empty means the pod's own
	TemplatesDir            string // empty means those that are compiled in
	Workers                 int
	// Pod is the controller's own, which events on templates regard; without, there are
	// none.
	Pod types.NamespacedName

	Log      logr.Logger
	Registry prometheus.Registerer
	// Judge is templates.Judge, or what a test has for it.
	Judge func(ctx context.Context, candidate fs.FS, live templates.Live) error
}

// New puts the controller together. Nothing runs before the manager is started.
func New(config *rest.Config, o Options) (manager.Manager, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1                  // The API server's priority and fairness does that.
	config.DisableCompression = true // Each event of a watch would be compressed by itself.
	mgr, err := newManager(config, o)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(o.Registry)
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	r, p := newReconciler(mgr, metrics), newProjectReconciler(mgr, metrics)
	r.projects = p.projects
	store, err := r.openTemplates(o, metrics, p)
	if err != nil {
		return nil, fmt.Errorf("opening the templates: %w", err)
	}
	r.wanted, p.wanted = newWantedCache(store.Serving, metrics), newWantedCache(store.Serving, metrics)
	return mgr, errors.Join(r.control(mgr, o.Workers), p.control(mgr, o.Workers), mgr.Add(store),
		o.Registry.Register(newReadinessCollector(r.deploys)))
}

func newManager(config *rest.Config, o Options) (manager.Manager, error) {
	known := runtime.NewScheme()
	if err := errors.Join(scheme.AddToScheme(known), v1.AddToScheme(known)); err != nil {
		return nil, err
	}
	grace := stopLimit
	mgr, err := manager.New(config, manager.Options{
		Scheme:                        known,
		Logger:                        o.Log,
		Cache:                         cacheOptions(),
		Metrics:                       server.Options{BindAddress: o.MetricsAddress},
		HealthProbeBindAddress:        o.ProbeAddress,
		LeaderElection:                o.LeaderElection,
		LeaderElectionID:              "nufi-controller",
		LeaderElectionNamespace:       o.LeaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       &grace,
	})
	if err != nil {
		return nil, err
	}
	return mgr, errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping))
}

func newReconciler(mgr manager.Manager, metrics *metrics) *reconciler {
	return &reconciler{
		deploys:  newDeploys(mgr.GetCache(), mgr.GetClient().Status()),
		claims:   newClaims(),
		cache:    mgr.GetCache(),
		queue:    &queue{},
		recorder: mgr.GetEventRecorder(v1.FieldManager),
		metrics:  metrics,
		clock:    clock.RealClock{},
	}
}

// control adds the controllers of NpuDeploys and of kinds.
func (r *reconciler) control(mgr manager.Manager, workers int) error {
	direct, err := newDirect(mgr)
	if err != nil {
		return err
	}
	add := adderTo(mgr)
	ours, err := add("npudeploy", controller.Options{Reconciler: r, MaxConcurrentReconciles: workers})
	if err != nil {
		return err
	}
	installed := &kinds{
		mapper: mgr.GetRESTMapper(), informers: mgr.GetCache(), watch: ours.Watch,
		appeared: func() { r.queue.addLater(r.deploys.names()...) },
		served:   map[schema.GroupVersionKind]bool{}, watched: map[schema.GroupVersionKind]bool{},
	}
	r.applier = apply.New(apply.Options{
		Cache: mgr.GetCache(), Client: direct, Served: installed.isServed, Clock: r.clock,
	})
	if err := addIndices(context.Background(), mgr.GetCache()); err != nil {
		return fmt.Errorf("indexing: %w", err)
	}
	for _, one := range r.sources(mgr.GetCache()) {
		if err := ours.Watch(one); err != nil {
			return err
		}
	}
	return errors.Join(installed.discover(), controlKinds(add, installed))
}

// newDirect is a client that asks the API server itself.
func newDirect(mgr manager.Manager) (client.Client, error) {
	return client.New(mgr.GetConfig(), client.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
	})
}

type adder func(name string, options controller.Options) (controller.Controller, error)

// adderTo adds controllers to mgr, all with the same patience.
func adderTo(mgr manager.Manager) adder {
	return func(name string, options controller.Options) (controller.Controller, error) {
		options.SkipNameValidation = new(true)
		options.RateLimiter = workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryFirst, retryLast)
		return controller.New(name, mgr, options)
	}
}

// openTemplates keeps templates and tells what becomes of candidates.
func (r *reconciler) openTemplates(o Options, metrics *metrics, p *projectReconciler) (*templates.Store, error) {
	store, err := templates.Open(o.TemplatesDir, templates.Hooks{
		Live: func(ctx context.Context) (templates.Live, error) {
			deploys, err := r.deploys.all(ctx)
			if err != nil {
				return templates.Live{}, err
			}
			projects, err := p.projects.all(ctx)
			return templates.Live{Deploys: deploys, Projects: projects}, err
		},
		Validate: o.Judge,
		Swapped: func(set *render.Templates) {
			o.Log.Info("Swapped the templates", "digest", set.Digest)
			metrics.serve(set.Digest)
			r.queue.addLater(r.deploys.names()...)
			p.queue.addLater(p.projects.names()...)
		},
		Rejected: func(digest string, reason error) { // The store logs the reason.
			metrics.rejected.Inc()
			r.tellRejected(o.Pod, digest, reason)
		},
	})
	if err != nil {
		return nil, err
	}
	metrics.serve(store.Serving().Digest)
	return store, nil
}
