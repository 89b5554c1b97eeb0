package kube_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dudaji/nufi/apiserver/kube"
)

func TestCallsAreTimedByCallerAndCode(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics, err := kube.NewCallMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []result{http.StatusOK, http.StatusForbidden, 0} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://kubernetes/api", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := metrics.Wrapper("user")(status).RoundTrip(request); err == nil {
			_ = response.Body.Close()
		}
	}
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("%d families: %v", len(families), err)
	}
	var codes []string
	for _, metric := range families[0].GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetName() == "code" && metric.GetHistogram().GetSampleCount() == 1 {
				codes = append(codes, label.GetValue())
			}
		}
	}
	if got := strings.Join(codes, " "); got != "200 403 error" {
		t.Errorf("the codes are %s", got)
	}
}
