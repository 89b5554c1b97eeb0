// Command keda is KEDA's controller and scale loop of ScaledObjects, with Prometheus' scaler alone. It serves
// the metrics of ScaledObjects to HorizontalPodAutoscalers itself: KEDA's adapter is a second program.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	eventingv1alpha1 "github.com/kedacore/keda/v2/apis/eventing/v1alpha1"
	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	controllers "github.com/kedacore/keda/v2/controllers/keda"
	"github.com/kedacore/keda/v2/pkg/eventemitter"
	"github.com/kedacore/keda/v2/pkg/k8s"
	"github.com/kedacore/keda/v2/pkg/metricscollector"
	"github.com/kedacore/keda/v2/pkg/scalers/authentication"
	"github.com/kedacore/keda/v2/pkg/scaling"
)

func main() {
	probes := flag.String("health-probe-bind-address", "0", "address of /readyz")
	metrics := flag.String("metrics-address", "", "address of the external metrics")
	certs := flag.String("cert-dir", "", "folder of tls.crt and tls.key")
	flag.Parse()
	if err := run(*probes, *metrics, *certs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(probes, address, certs string) error {
	ctrl.SetLogger(zap.New())
	ctx := ctrl.SetupSignalHandler()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, kedav1alpha1.AddToScheme, eventingv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	config.UserAgent = "keda" // The name of its field manager.
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: probes,
	})
	if err != nil {
		return err
	}
	handler, err := addController(ctx, mgr)
	if err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	server := &http.Server{Addr: address, Handler: external(handler), ReadHeaderTimeout: time.Second}
	failed := make(chan error, 1)
	go func() {
		failed <- server.ListenAndServeTLS(filepath.Join(certs, "tls.crt"), filepath.Join(certs, "tls.key"))
	}()
	go func() { failed <- mgr.Start(ctx) }()
	return <-failed
}

// addController adds the controller of ScaledObjects as KEDA's operator does.
func addController(ctx context.Context, mgr ctrl.Manager) (scaling.ScaleHandler, error) {
	clients, err := kubernetes.NewForConfig(mgr.GetConfig())
	if err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactory(clients, 0)
	auth := &authentication.AuthClientSet{CoreV1Interface: clients.CoreV1(), SecretLister: factory.Core().V1().Secrets().Lister()}
	factory.Start(ctx.Done())
	scales, _, err := k8s.InitScaleClient(mgr)
	if err != nil {
		return nil, err
	}
	metricscollector.NewMetricsCollectors(metricscollector.Options{})
	const timeout = 3 * time.Second // KEDA's default.
	recorder := mgr.GetEventRecorder("keda-operator")
	handler := scaling.NewScaleHandler(mgr.GetClient(), scales, mgr.GetScheme(), timeout, timeout, recorder, auth)
	reconciler := &controllers.ScaledObjectReconciler{
		Client: mgr.GetClient(), Scheme: mgr.GetScheme(), ScaleClient: scales, ScaleHandler: handler,
		EventEmitter: eventemitter.NewEventEmitter(mgr.GetClient(), recorder, "nufi", auth),
	}
	return handler, reconciler.SetupWithManager(mgr, controller.Options{MaxConcurrentReconciles: 5})
}

// external serves the API external.metrics.k8s.io, which the API server forwards: the metrics are KEDA's.
func external(handler scaling.ScaleHandler) http.Handler {
	const path = "/apis/external.metrics.k8s.io/v1beta1"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, metav1.APIResourceList{
			TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
			GroupVersion: v1beta1.SchemeGroupVersion.String(), APIResources: []metav1.APIResource{},
		})
	})
	mux.HandleFunc("GET "+path+"/namespaces/{namespace}/{metric}", func(w http.ResponseWriter, r *http.Request) {
		list, err := values(r, handler)
		if err != nil {
			write(w, http.StatusInternalServerError, metav1.Status{
				TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Message: err.Error(),
			})
			return
		}
		write(w, http.StatusOK, list)
	})
	return mux
}

// values returns the values of a metric of the ScaledObject that the selector names.
func values(r *http.Request, handler scaling.ScaleHandler) (*v1beta1.ExternalMetricValueList, error) {
	selector, err := labels.ConvertSelectorToLabelsMap(r.FormValue("labelSelector"))
	if err != nil {
		return nil, err
	}
	name := selector.Get(kedav1alpha1.ScaledObjectOwnerAnnotation)
	if name == "" {
		return nil, errors.New("the selector names no ScaledObject")
	}
	metrics, err := handler.GetScaledObjectMetrics(r.Context(), name, r.PathValue("namespace"), r.PathValue("metric"))
	if err != nil {
		return nil, err
	}
	list := &v1beta1.ExternalMetricValueList{TypeMeta: metav1.TypeMeta{Kind: "ExternalMetricValueList", APIVersion: v1beta1.SchemeGroupVersion.String()}}
	return list, v1beta1.Convert_external_metrics_ExternalMetricValueList_To_v1beta1_ExternalMetricValueList(metrics, list, nil)
}

func write(w http.ResponseWriter, status int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object)
}
