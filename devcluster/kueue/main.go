// Command kueue is Kueue's controller manager with its scheduler, its webhooks, and the integrations of the kinds that
// NuFi's templates contain. Kueue's own program has the same parts, and more: it requires certificates in /etc.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	configapi "sigs.k8s.io/kueue/apis/config/v1beta2"
	kueuev1beta1 "sigs.k8s.io/kueue/apis/kueue/v1beta1"
	kueue "sigs.k8s.io/kueue/apis/kueue/v1beta2"
	qcache "sigs.k8s.io/kueue/pkg/cache/queue"
	schdcache "sigs.k8s.io/kueue/pkg/cache/scheduler"
	"sigs.k8s.io/kueue/pkg/config"
	"sigs.k8s.io/kueue/pkg/constants"
	"sigs.k8s.io/kueue/pkg/controller/core"
	"sigs.k8s.io/kueue/pkg/controller/core/indexer"
	"sigs.k8s.io/kueue/pkg/controller/jobframework"
	_ "sigs.k8s.io/kueue/pkg/controller/jobs/deployment"
	_ "sigs.k8s.io/kueue/pkg/controller/jobs/leaderworkerset"
	_ "sigs.k8s.io/kueue/pkg/controller/jobs/pod"
	_ "sigs.k8s.io/kueue/pkg/controller/jobs/raycluster"
	_ "sigs.k8s.io/kueue/pkg/controller/jobs/rayservice"
	"sigs.k8s.io/kueue/pkg/controller/tas"
	tasindexer "sigs.k8s.io/kueue/pkg/controller/tas/indexer"
	"sigs.k8s.io/kueue/pkg/dra"
	"sigs.k8s.io/kueue/pkg/metrics"
	"sigs.k8s.io/kueue/pkg/resources"
	"sigs.k8s.io/kueue/pkg/scheduler"
	preemptexpectations "sigs.k8s.io/kueue/pkg/scheduler/preemption/expectations"
	utildra "sigs.k8s.io/kueue/pkg/util/dra"
	"sigs.k8s.io/kueue/pkg/util/kubeversion"
	"sigs.k8s.io/kueue/pkg/webhooks"
)

func main() {
	file := flag.String("config", "", "Kueue's configuration")
	flag.Parse()
	if err := run(*file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file string) error {
	ctrl.SetLogger(zap.New())
	ctx := ctrl.SetupSignalHandler()
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	options, cfg, err := config.Load(scheme, file)
	if err != nil {
		return err
	}
	if err := config.Validate(&cfg, scheme).ToAggregate(); err != nil {
		return err
	}
	options.Metrics = metricsserver.Options{BindAddress: "0"}
	if err := config.AddWebhookSettingsTo(&options, &cfg); err != nil {
		return err
	}
	metrics.Register()
	kubeconfig, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	kubeconfig.UserAgent, kubeconfig.QPS = constants.KueueName, -1
	mgr, err := ctrl.NewManager(kubeconfig, options)
	if err != nil {
		return err
	}
	if err := setup(ctx, mgr, &cfg); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("webhooks", mgr.GetWebhookServer().StartedChecker()); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, kueue.AddToScheme, kueuev1beta1.AddToScheme, configapi.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, jobframework.ForEachIntegration(func(_ string, integration jobframework.IntegrationCallbacks) error {
		if integration.AddToScheme == nil {
			return nil
		}
		return integration.AddToScheme(scheme)
	})
}

// setup adds Kueue's controllers, scheduler and webhooks in the order of Kueue's own program.
func setup(ctx context.Context, mgr ctrl.Manager, cfg *configapi.Configuration) error {
	formatter, expectations, extended := resources.NewResourceFormatter(), preemptexpectations.New(), dra.NewExtendedResourceCache()
	hasSlices := utildra.CheckResourceSliceAPIAvailable(mgr)
	cache := schdcache.New(mgr.GetClient(), schdcache.WithResourceFormatter(formatter))
	requeuer := qcache.NewRequeuer()
	if err := mgr.Add(requeuer); err != nil {
		return err
	}
	queues := qcache.NewManager(mgr.GetClient(), cache, requeuer,
		qcache.WithResourceFormatter(formatter), qcache.WithPreemptionExpectations(expectations), qcache.WithDRABackedResources(extended))
	if err := setupIndexes(ctx, mgr, cfg, hasSlices); err != nil {
		return err
	}
	version, err := serverVersion(mgr)
	if err != nil {
		return err
	}
	if failed, err := core.SetupControllers(mgr, queues, cache, cfg, core.SetupControllersOpts{
		PreemptionExpectations: expectations, ResourceFormatter: formatter,
		DRAMapper: dra.NewResourceMapper(), DRABackedResources: extended, ResourceSliceAPIAvailable: hasSlices,
	}); err != nil {
		return fmt.Errorf("the controller of %s: %w", failed, err)
	}
	if failed, err := tas.SetupControllers(mgr, queues, cache, cfg, nil); err != nil {
		return fmt.Errorf("the controller of %s: %w", failed, err)
	}
	namespaces, err := metav1.LabelSelectorAsSelector(cfg.ManagedJobsNamespaceSelector)
	if err != nil {
		return err
	}
	if err := jobframework.SetupControllers(ctx, mgr, ctrl.Log,
		jobframework.WithManageJobsWithoutQueueName(cfg.ManageJobsWithoutQueueName),
		jobframework.WithWaitForPodsReady(cfg.WaitForPodsReady),
		jobframework.WithKubeServerVersion(version),
		jobframework.WithEnabledFrameworks(cfg.Integrations.Frameworks),
		jobframework.WithManagerName(constants.KueueName),
		jobframework.WithCache(cache),
		jobframework.WithQueues(queues),
		jobframework.WithManagedJobsNamespaceSelector(namespaces),
	); err != nil {
		return err
	}
	if failed, err := webhooks.Setup(mgr, nil); err != nil {
		return fmt.Errorf("the webhook of %s: %w", failed, err)
	}
	go queues.CleanUpOnContext(ctx)
	go cache.CleanUpOnContext(ctx)
	return mgr.Add(scheduler.New(queues, cache, mgr.GetClient(), mgr.GetEventRecorder(constants.AdmissionName),
		scheduler.WithPreemptionExpectations(expectations), scheduler.WithResourceFormatter(formatter)))
}

func setupIndexes(ctx context.Context, mgr ctrl.Manager, cfg *configapi.Configuration, hasSlices bool) error {
	if err := indexer.Setup(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	if err := tasindexer.SetupIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	if hasSlices {
		if err := core.SetupResourceSliceIndexer(ctx, mgr.GetFieldIndexer()); err != nil {
			return err
		}
	}
	return jobframework.SetupIndexes(ctx, mgr.GetFieldIndexer(), jobframework.WithEnabledFrameworks(cfg.Integrations.Frameworks))
}

// serverVersion reads the version of the API server.
func serverVersion(mgr ctrl.Manager) (*kubeversion.ServerVersionFetcher, error) {
	client, err := discovery.NewDiscoveryClientForConfig(mgr.GetConfig())
	if err != nil {
		return nil, err
	}
	version := kubeversion.NewServerVersionFetcher(client)
	if err := version.FetchServerVersion(); err != nil {
		return nil, err
	}
	return version, mgr.Add(version)
}
