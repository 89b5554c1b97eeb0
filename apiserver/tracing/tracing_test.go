package tracing

import (
	"fmt"
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

func TestUnknownSamplerIsAnError(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")
	for _, test := range []struct{ sampler, ratio, want string }{
		{sampler: "", ratio: "none"},
		{sampler: " Always_Off "},
		{sampler: "traceidratio"},
		{sampler: "parentbased_traceidratio", ratio: " 0.1 "},
		{sampler: "off", want: `OTEL_TRACES_SAMPLER is "off"`},
		{sampler: "traceidratio", ratio: "10%", want: `OTEL_TRACES_SAMPLER_ARG is "10%"`},
		{sampler: "traceidratio", ratio: "10", want: `OTEL_TRACES_SAMPLER_ARG is "10"`},
		{sampler: "traceidratio", ratio: "-1", want: `OTEL_TRACES_SAMPLER_ARG is "-1"`},
		{sampler: "parentbased_traceidratio", ratio: "NaN", want: `OTEL_TRACES_SAMPLER_ARG is "NaN"`},
	} {
		t.Setenv("OTEL_TRACES_SAMPLER", test.sampler)
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", test.ratio)
		_, err := New(t.Context(), "test")
		if (err == nil) != (test.want == "") || err != nil && !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("the error of the sampler %q with %q is %v, want %q", test.sampler, test.ratio, err, test.want)
		}
	}
}

func TestOtherExportersAreErrors(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")
	for _, test := range []struct{ variable, supported, other string }{
		{"OTEL_TRACES_EXPORTER", "otlp", "zipkin"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc", "http/json"},
	} {
		t.Setenv(test.variable, test.other)
		want := fmt.Sprintf("%s is %q, but only %s is supported", test.variable, test.other, test.supported)
		if _, err := New(t.Context(), "test"); err == nil || err.Error() != want {
			t.Errorf("the error is %v, want %s", err, want)
		}
		t.Setenv(test.variable, test.supported)
		if _, err := New(t.Context(), "test"); err != nil {
			t.Error(err)
		}
	}
}

func TestDisabledTracingIsNotConfigured(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")
	for _, test := range []struct {
		variable, value string
		want            bool
	}{
		{"OTEL_SDK_DISABLED", "", true},
		{"OTEL_SDK_DISABLED", "false", true},
		{"OTEL_SDK_DISABLED", "true", false},
		{"OTEL_SDK_DISABLED", "True", false},
		{"OTEL_TRACES_EXPORTER", "otlp", true},
		{"OTEL_TRACES_EXPORTER", "none", false},
	} {
		t.Run(test.variable+"="+test.value, func(t *testing.T) {
			t.Setenv(test.variable, test.value)
			if Configured() != test.want {
				t.Errorf("tracing is configured: %t", !test.want)
			}
		})
	}
}
