package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
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
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/dudaji/nufi/controller/apply"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/manifests"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	// Bounds of the delay after an error. An object without our label that is annotated for
	// adoption causes no event: the next attempt finds it.
	retryMinDelay = 50 * time.Millisecond
	retryMaxDelay = 30 * time.Second
	// shutdownTimeout is shorter than a pod's default grace period.
	shutdownTimeout = 20 * time.Second
)

// Options configures the controller.
type Options struct {
	MetricsAddress          string // "0" disables the listener
	ProbeAddress            string // "0" disables the listener
	LeaderElection          bool
	LeaderElectionNamespace string // empty: the pod's own
	TemplatesDir            string // empty: the templates that are compiled in
	Workers                 int    // for each kind
	// Pod is the controller's own pod, the object of events about templates. If it is empty, there
	// are no such events.
	Pod types.NamespacedName

	// Prometheus has the measurements of backends; nil if there is none.
	Prometheus fetchers.Querier
	// MeasureClock is the clock of measurements: the real one, or a test's.
	MeasureClock clock.WithTicker
	// Clock is the clock of observations: the real one, or a test's.
	Clock clock.PassiveClock

	Log      logr.Logger
	Registry prometheus.Registerer
	// Validate validates candidate templates: templates.Validate, or a test's.
	Validate func(ctx context.Context, candidate fs.FS, live templates.Live) error
}

// New assembles the controller. Nothing runs before the manager is started.
func New(config *rest.Config, o Options) (manager.Manager, error) {
	if o.MeasureClock == nil {
		o.MeasureClock = clock.RealClock{}
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	config = rest.CopyConfig(config)
	config.QPS = -1                  // The API server's priority and fairness limits requests.
	config.DisableCompression = true // Each event of a watch would be compressed on its own.
	mgr, err := newManager(config, o)
	if err != nil {
		return nil, err
	}
	direct, err := newDirectClient(mgr)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(o.Registry)
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	var owners []func() // each enqueues all objects of a kind
	kind := &deployKind{}
	store, err := openTemplates(o, mgr, direct, metrics, kind, func() {
		for _, enqueue := range owners {
			enqueue()
		}
	})
	if err != nil {
		return nil, fmt.Errorf("opening the templates: %w", err)
	}
	renders := newRenderCache(store.Require, metrics)
	projects := newReconciler[*v1.Project](mgr, direct, metrics, renders, &projectKind{renders: renders})
	*kind = deployKind{
		cache: mgr.GetCache(), direct: direct, projects: projects.objects, renders: renders, claims: newHostClaims(),
		history: newSpecHistory(direct, clock.RealClock{}), specs: &observedSpecs{byDeploy: map[types.NamespacedName]observedSpec{}}, impacts: newImpactCache(),
		deferred: newDeferredStatuses(clock.RealClock{}), unrecorded: newUnrecordedAssignments(clock.RealClock{}, func(names ...types.NamespacedName) {
			kind.queue.addWith(priorityqueue.AddOpts{Priority: new(priorityRecord)}, names...)
		}),
		backends: newBackendStates(clock.RealClock{}), recorder: newRecorder(mgr), clock: o.Clock,
		measured: &measurements{querier: o.Prometheus, clock: o.MeasureClock, byDeploy: map[types.NamespacedName]measured{}},
	}
	kind.sets = newTemplateSets(direct, cmp.Or(o.Pod.Namespace, o.LeaderElectionNamespace), kind.usedTemplates)
	deploys := newReconciler[*v1.NpuDeploy](mgr, direct, metrics, renders, kind)
	deploys.specChanged, kind.queue, kind.measured.queue = kind.history.changed, deploys.queue, deploys.queue
	waves := &rollouts{
		client: direct, cache: mgr.GetCache(), deploys: kind, objects: deploys.objects, queue: &queue{},
		recorder: deploys.recorder, clock: deploys.clock, written: newLastWritten[*v1.TemplateRollout](), enqueueDeploys: deploys.enqueueAll,
	}
	owners = []func(){projects.enqueueAll, waves.wake}
	return mgr, errors.Join(
		addDeploys(mgr, deploys, kind, o.Workers), addProjects(mgr, direct, projects, o.Workers), waves.add(mgr), mgr.Add(store), mgr.Add(kind.measured),
		o.Registry.Register(newDeployCollector(mgr.GetCache())))
}

func newManager(config *rest.Config, o Options) (manager.Manager, error) {
	kinds := runtime.NewScheme()
	if err := errors.Join(scheme.AddToScheme(kinds), v1.AddToScheme(kinds)); err != nil {
		return nil, err
	}
	if o.LeaderElection {
		guard := &leaseGuard{clock: clock.RealClock{}}
		config.Wrap(guard.wrap)
	}
	mgr, err := manager.New(config, manager.Options{
		Scheme: kinds,
		Logger: o.Log,
		// A Runnable's context does not descend from the one that Start gets.
		BaseContext:                   func() context.Context { return logr.NewContext(context.Background(), o.Log) },
		Cache:                         cacheOptions(),
		Metrics:                       server.Options{BindAddress: o.MetricsAddress},
		HealthProbeBindAddress:        o.ProbeAddress,
		LeaderElection:                o.LeaderElection,
		LeaderElectionID:              "nufi-controller",
		LeaderElectionNamespace:       o.LeaderElectionNamespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 new(leaseDuration),
		RenewDeadline:                 new(renewDeadline),
		GracefulShutdownTimeout:       new(shutdownTimeout),
	})
	if err != nil {
		return nil, err
	}
	return mgr, errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping))
}

// addDeploys adds the controllers of NpuDeploys and of CustomResourceDefinitions.
func addDeploys(mgr manager.Manager, deploys *reconciler[*v1.NpuDeploy], kind *deployKind, workers int) error {
	if err := addIndices(context.Background(), mgr.GetCache()); err != nil {
		return fmt.Errorf("indexing: %w", err)
	}
	installed, err := newInstalledKinds(mgr, deploys.enqueueAll, kind.settle)
	if err != nil {
		return err
	}
	kind.checkInstalled = installed.check
	kind.applier = newApplier(mgr, kind.direct, installed.check)
	c, err := deploys.add(mgr, "npudeploy", workers, kind.applier, kind.sources(mgr.GetCache()))
	if err != nil {
		return err
	}
	installed.watch, installed.workloadChanged = c.Watch, kind.backendChanged()
	crds, err := addController(mgr, "kinds", controller.Options{Reconciler: installed})
	if err != nil {
		return err
	}
	return errors.Join(installed.discover(context.Background()),
		crds.Watch(source.Kind[client.Object](mgr.GetCache(), newCRD(), &handler.EnqueueRequestForObject{})))
}

func addProjects(mgr manager.Manager, direct client.Client, projects *reconciler[*v1.Project], workers int) error {
	checkInstalled := func(schema.GroupVersionKind) error { return nil } // Kubernetes has all of its kinds.
	for _, kind := range manifests.ProjectKinds() {
		if slices.Contains(manifests.Kinds(), kind) {
			continue // It is indexed once, as a kind of NpuDeploys.
		}
		if err := apply.IndexOwned(context.Background(), mgr.GetCache(), kind); err != nil {
			return err
		}
	}
	_, err := projects.add(mgr, "project", workers, newApplier(mgr, direct, checkInstalled), projectSources(mgr.GetCache()))
	return err
}

func newReconciler[T client.Object](
	mgr manager.Manager, direct client.Client, metrics *metrics, renders *renderCache, kind ownerKind[T],
) *reconciler[T] {
	return &reconciler[T]{
		kind:     kind,
		objects:  newObjects[T](kind, mgr.GetCache(), direct.Status()),
		renders:  renders,
		queue:    &queue{},
		recorder: newRecorder(mgr),
		metrics:  metrics,
		clock:    clock.RealClock{},
	}
}

func newApplier(mgr manager.Manager, direct client.Client, checkInstalled func(schema.GroupVersionKind) error) *apply.Applier {
	return apply.New(apply.Options{Cache: mgr.GetCache(), Client: direct, CheckInstalled: checkInstalled, Clock: clock.RealClock{}})
}

// add adds the controller of a kind.
func (r *reconciler[T]) add(
	mgr manager.Manager, name string, workers int, applier *apply.Applier, sources []source.Source,
) (controller.Controller, error) {
	r.applier = applier
	c, err := addController(mgr, name, controller.Options{Reconciler: r, MaxConcurrentReconciles: workers})
	if err != nil {
		return nil, err
	}
	owners := source.Kind[client.Object](mgr.GetCache(), r.kind.newObject(), r.enqueueOwner(), r.ownerChanged())
	for _, watched := range append(sources, owners, r.queue) {
		if err := c.Watch(watched); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// newDirectClient returns a client that reads and writes without the cache.
func newDirectClient(mgr manager.Manager) (client.Client, error) {
	return client.New(mgr.GetConfig(), client.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
	})
}

// enqueueAll enqueues all objects of the kind, after all others.
func (r *reconciler[T]) enqueueAll() { r.queue.addLast(r.objects.names()...) }

func addController(mgr manager.Manager, name string, options controller.Options) (controller.Controller, error) {
	options.Reconciler = untilStopped(options.Reconciler)
	options.SkipNameValidation = new(true)
	options.RateLimiter = workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryMinDelay, retryMaxDelay)
	options.NewQueue = func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
		return newFairQueue(name, mgr.GetLogger(), limiter)
	}
	return controller.New(name, mgr, options)
}

// untilStopped returns no error of a reconcile during which the controller stopped: its requests were cancelled, and the
// next controller repeats it.
func untilStopped(reconciler reconcile.Reconciler) reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		result, err := reconciler.Reconcile(ctx, request)
		if ctx.Err() != nil {
			result, err = reconcile.Result{}, nil
		}
		return result, err
	})
}

// openTemplates opens the store of templates. It calls swapped after another set begins to serve.
func openTemplates(o Options, mgr manager.Manager, direct client.Client, metrics *metrics, kind *deployKind, swapped func()) (*templates.Store, error) {
	recorder := newRecorder(mgr)
	live := func(ctx context.Context) (templates.Live, error) {
		var deploys v1.NpuDeployList
		if err := mgr.GetCache().List(ctx, &deploys, client.UnsafeDisableDeepCopy); err != nil {
			return templates.Live{}, err
		}
		projects, err := listProjects(ctx, mgr.GetCache())
		return templates.Live{Deploys: deploys.Items, Projects: projects}, err
	}
	store, err := templates.Open(o.TemplatesDir, templates.Hooks{
		Live:          live,
		Validate:      o.Validate,
		WaitsForValid: true,
		Try: func(ctx context.Context, candidate, serving *render.Templates) error {
			return trial{live: live, writer: direct, children: kind.applier.Children}.run(ctx, candidate, serving)
		},
		Swapped: func(set *render.Templates) {
			o.Log.Info("Swapped the templates", "digest", set.Digest)
			metrics.setServing(set.Digest)
			swapped()
		},
		Rejected: func(digest string, reason error) { // The store logs the reason.
			metrics.rejected.Inc()
			recordRejected(recorder, o.Pod, digest, reason)
		},
	})
	if err != nil {
		return nil, err
	}
	if set := store.Serving(); set != nil {
		metrics.setServing(set.Digest)
	}
	return store, mgr.AddReadyzCheck("templates", func(*http.Request) error {
		_, err := store.Require()
		return err
	})
}
