// Command kuberay is KubeRay's operator, with a simulation of the Ray dashboard: on simulated nodes no
// Ray runs. An application is RUNNING once its configuration is submitted and all workers run. As with vLLM, a
// max_model_len of 0 fails.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	configapi "github.com/ray-project/kuberay/ray-operator/apis/config/v1alpha1"
	rayv1 "github.com/ray-project/kuberay/ray-operator/apis/ray/v1"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray/batchscheduler"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray/utils"
	"github.com/ray-project/kuberay/ray-operator/controllers/ray/utils/dashboardclient"
	utiltypes "github.com/ray-project/kuberay/ray-operator/controllers/ray/utils/types"
)

// dashboards are simulated dashboards by RayCluster.
type dashboards struct {
	mu        sync.Mutex
	byCluster map[string]*dashboard
}

func (d *dashboards) GetDashboardClient(manager.Manager) func(*rayv1.RayCluster, string) (dashboardclient.RayDashboardClientInterface, error) {
	return func(cluster *rayv1.RayCluster, _ string) (dashboardclient.RayDashboardClientInterface, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		key := string(cluster.UID)
		if d.byCluster[key] == nil {
			d.byCluster[key] = &dashboard{}
		}
		d.byCluster[key].setWorkers(cluster.Status)
		return d.byCluster[key], nil
	}
}

func (d *dashboards) GetHttpProxyClient(manager.Manager) func(string, string, string, int) utils.RayHttpProxyClientInterface {
	return func(string, string, string, int) utils.RayHttpProxyClientInterface { return proxy{} }
}

// dashboard has the last configuration that was submitted.
type dashboard struct {
	utils.FakeRayDashboardClient
	mu     sync.Mutex
	config serveConfig
	lacks  bool // workers
}

type serveConfig struct {
	Applications []struct {
		Name string `json:"name"`
		Args struct {
			LLMConfigs []struct {
				EngineKwargs struct {
					MaxModelLen *int `json:"max_model_len"`
				} `json:"engine_kwargs"`
			} `json:"llm_configs"`
		} `json:"args"`
	} `json:"applications"`
}

func (d *dashboard) setWorkers(cluster rayv1.RayClusterStatus) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lacks = cluster.AvailableWorkerReplicas < max(1, cluster.DesiredWorkerReplicas)
}

func (d *dashboard) InitClient(*http.Client, string) {}

func (d *dashboard) UpdateDeployments(_ context.Context, content []byte) error {
	var config serveConfig
	if err := yaml.Unmarshal(content, &config); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.config = config
	return nil
}

func (d *dashboard) GetMultiApplicationStatus(context.Context) (map[string]*utiltypes.ServeApplicationStatus, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	statuses := map[string]*utiltypes.ServeApplicationStatus{}
	for _, application := range d.config.Applications {
		status := &utiltypes.ServeApplicationStatus{Name: application.Name, Status: rayv1.ApplicationStatusEnum.RUNNING}
		if d.lacks {
			status.Status = rayv1.ApplicationStatusEnum.DEPLOYING
		}
		for _, llm := range application.Args.LLMConfigs {
			if length := llm.EngineKwargs.MaxModelLen; length != nil && *length == 0 {
				status.Status = rayv1.ApplicationStatusEnum.DEPLOY_FAILED
				status.Message = "ValueError: max_model_len must be a positive integer"
			}
		}
		statuses[application.Name] = status
	}
	return statuses, nil
}

// proxy is a proxy of Ray Serve that answers.
type proxy struct{}

func (proxy) CheckProxyActorHealth(context.Context) error { return nil }

func main() {
	probes := flag.String("health-probe-bind-address", "0", "address of /readyz")
	flag.Parse()
	if err := run(*probes); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(probes string) error {
	ctrl.SetLogger(zap.New())
	ctx := ctrl.SetupSignalHandler()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, rayv1.AddToScheme, gatewayv1.Install} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: probes,
	})
	if err != nil {
		return err
	}
	schedulers, err := batchscheduler.NewSchedulerManager(ctx, configapi.Configuration{}, config, mgr.GetClient())
	if err != nil {
		return err
	}
	clusters := ray.NewReconciler(ctx, mgr, ray.RayClusterReconcilerOptions{BatchSchedulerManager: schedulers})
	if err := clusters.SetupWithManager(mgr, 1); err != nil {
		return err
	}
	services := ray.NewRayServiceReconciler(ctx, mgr, &dashboards{byCluster: map[string]*dashboard{}})
	if err := services.SetupWithManager(mgr, 1); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	return mgr.Start(ctx)
}
