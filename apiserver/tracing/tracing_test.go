package tracing

import (
	"strings"
	"testing"
)

func TestCollectorWithoutASchemeIsAnError(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")
	if _, err := New(t.Context(), "test"); err != nil {
		t.Error(err)
	}
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		t.Setenv(variable, "collector:4317")
		if _, err := New(t.Context(), "test"); err == nil || !strings.Contains(err.Error(), variable+` is "collector:4317"`) {
			t.Errorf("the error of %s is %v", variable, err)
		}
	}
}

func TestDisabledTracingIsNotConfigured(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")
	for value, want := range map[string]bool{"": true, "false": true, "true": false, "True": false} {
		t.Setenv("OTEL_SDK_DISABLED", value)
		if Configured() != want {
			t.Errorf("with OTEL_SDK_DISABLED=%s, tracing is configured: %t", value, !want)
		}
	}
}
