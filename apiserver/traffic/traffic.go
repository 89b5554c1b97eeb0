// Package traffic serves the measured traffic of an NpuDeploy's servers in the last hour, from
// Prometheus: requests, tokens and latency. The names of the metrics are facts about the dialect of the
// server. The division of requests among backends, spec.endpoint.traffic, is not part of it.
package traffic

import (
	"context"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/render"
)

const (
	period  = time.Hour
	step    = time.Minute
	timeout = 10 * time.Second
)

// Querier runs an expression at each step from start to end.
type Querier interface {
	QueryRange(ctx context.Context, expression string, start, end time.Time, step time.Duration) ([]fetchers.Series, error)
}

// Options are the dependencies of Handlers.
type Options struct {
	Querier Querier // nil without Prometheus
	// Dialect returns the dialect of an NpuDeploy's server, and the catalogue with its metrics.
	Dialect func(ctx context.Context, object *unstructured.Unstructured) (string, *render.Catalogue, error)
	Clock   func() time.Time
}

// Handlers serve measured traffic.
type Handlers struct{ Options }

// New returns Handlers.
func New(options Options) *Handlers { return &Handlers{options} }

// Reason is why there is no measurement.
type Reason string

// The reasons. None of them means that there are no requests.
const (
	ReasonNotConfigured Reason = "NotConfigured"
	ReasonUnknownServer Reason = "UnknownServer"
	ReasonUnavailable   Reason = "Unavailable"
	ReasonNoSamples     Reason = "NoSamples"
)

// Traffic is the measurements of all servers of an NpuDeploy together.
type Traffic struct {
	Dialect string    `json:"dialect" doc:"the dialect of the inference server, whose metrics are read; empty: unknown"`
	Reason  Reason    `json:"reason,omitempty" enum:"NotConfigured,UnknownServer,Unavailable,NoSamples" doc:"why there are no series: the server has no Prometheus, the metrics of the dialect are not known, Prometheus does not respond, or it has no samples"`
	Message string    `json:"message,omitempty" doc:"the reason in a sentence"`
	Start   time.Time `json:"start" doc:"time of the first value"`
	Step    int64     `json:"stepSeconds" doc:"seconds from one value to the next"`
	Series  []Series  `json:"series" doc:"those that the server measures"`
}

// Series is the values of one measurement.
type Series struct {
	Name   Name       `json:"name" enum:"RequestsRunning,RequestsWaiting,GeneratedTokens,FirstTokenP50,FirstTokenP95,CacheUsage" doc:"what is measured"`
	Unit   Unit       `json:"unit" enum:"requests,tokens/s,seconds,ratio" doc:"unit of the values; a ratio is from 0 to 1"`
	Values []*float64 `json:"values" doc:"the last is the newest; null where there is no sample, which is not 0"`
}

// Name is what a series measures.
type Name string

// The names of series.
const (
	RequestsRunning Name = "RequestsRunning"
	RequestsWaiting Name = "RequestsWaiting"
	GeneratedTokens Name = "GeneratedTokens"
	FirstTokenP50   Name = "FirstTokenP50"
	FirstTokenP95   Name = "FirstTokenP95"
	CacheUsage      Name = "CacheUsage"
)

// Unit is the unit of a series.
type Unit string

// The units of series.
const (
	UnitRequests        Unit = "requests"
	UnitTokensPerSecond Unit = "tokens/s"
	UnitSeconds         Unit = "seconds"
	UnitRatio           Unit = "ratio"
)

// Routes returns the route of this package.
func (h *Handlers) Routes() []rest.Route {
	return []rest.Route{{
		Operation: openapi.Operation{
			ID: "readTraffic", Method: http.MethodGet, Path: npudeploys.ObjectPath + "/traffic", Summary: "Read the requests, tokens and latency of an NpuDeploy in the last hour, from Prometheus",
			Returns: rest.JSON(Traffic{}), Status: http.StatusOK,
		},
		Needs: rest.Needs(npudeploys.Resource, "get"), Handler: h.traffic,
	}}
}

func (h *Handlers) traffic(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	deploy := npudeploys.Kind().Object(r)
	if err := user.Get(r.Context(), client.ObjectKeyFromObject(deploy), deploy); err != nil {
		return rest.WithVerb("get", err)
	}
	dialect, catalogue, err := h.Dialect(r.Context(), deploy)
	if err != nil {
		return err
	}
	result, err := h.Read(r.Context(), client.ObjectKeyFromObject(deploy), dialect, catalogue)
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, result)
}

// Read returns the traffic of an NpuDeploy. It returns an error only if ctx ends.
func (h *Handlers) Read(ctx context.Context, deploy client.ObjectKey, dialect string, catalogue *render.Catalogue) (*Traffic, error) {
	result := &Traffic{Dialect: dialect, Start: h.Clock().Add(-period).Truncate(step).UTC(), Step: int64(step / time.Second), Series: []Series{}}
	metrics, known := catalogue.ServerMetrics(dialect)
	switch {
	case h.Querier == nil:
		result.Reason, result.Message = ReasonNotConfigured, "this server has no Prometheus to read measurements from"
		return result, nil
	case !known:
		result.Reason, result.Message = ReasonUnknownServer, "the metrics of this inference server are not known"
		return result, nil
	}
	measurements := measurementsOf(metrics, deploy.Namespace, deploy.Name)
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found, err := h.Querier.QueryRange(bounded, expression(measurements), result.Start, result.Start.Add(period), step)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		// The error can contain the address of Prometheus, which users must not see.
		logr.FromContextOrDiscard(ctx).Error(err, "Could not read the traffic of an NpuDeploy", "namespace", deploy.Namespace, "name", deploy.Name)
		result.Reason, result.Message = ReasonUnavailable, fetchers.Describe(err)
	case len(found) == 0:
		result.Reason, result.Message = ReasonNoSamples, "Prometheus has no samples of its pods in the last hour"
	default:
		result.Series = newSeries(measurements, found, result.Start)
	}
	return result, nil
}
