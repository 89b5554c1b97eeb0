package tracing

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Configured reports whether the environment names a collector, and does not disable traces.
func Configured() bool {
	variable, _ := endpoint()
	// The SDK, v1.44.0, reads neither OTEL_SDK_DISABLED nor OTEL_TRACES_EXPORTER.
	return variable != "" && !strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") && os.Getenv("OTEL_TRACES_EXPORTER") != "none"
}

// endpoint returns the variable that names the collector, and its value.
func endpoint() (variable, value string) {
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if value := os.Getenv(variable); value != "" {
			return variable, value
		}
	}
	return "", ""
}

// checkEndpoint rejects an address without a scheme: otlptracegrpc v1.44.0 takes the host of HOST:PORT for one, and sends nothing.
func checkEndpoint() error {
	if variable, value := endpoint(); !strings.HasPrefix(value, "http://") && !strings.HasPrefix(value, "https://") {
		return fmt.Errorf("%s is %q, which does not begin with http:// or https://", variable, value)
	}
	return nil
}

// checkExporter rejects what the environment may demand and this package does not do: it would send traces by OTLP over gRPC instead.
func checkExporter() error {
	for _, supported := range []struct{ variable, value string }{
		{"OTEL_TRACES_EXPORTER", "otlp"}, {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"}, {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
	} {
		if value := os.Getenv(supported.variable); value != "" && value != supported.value {
			return fmt.Errorf("%s is %q, but only %s is supported", supported.variable, value, supported.value)
		}
	}
	return nil
}

// checkSampler rejects samplers that the SDK, v1.44.0, does not know or read: it would sample every request instead.
func checkSampler() error {
	const variable = "OTEL_TRACES_SAMPLER"
	sampler, ratio := os.Getenv(variable), os.Getenv(variable+"_ARG")
	switch strings.ToLower(strings.TrimSpace(sampler)) {
	case "", "always_on", "always_off", "parentbased_always_on", "parentbased_always_off":
		return nil
	case "traceidratio", "parentbased_traceidratio":
		if number, err := strconv.ParseFloat(strings.TrimSpace(ratio), 64); ratio == "" || err == nil && number >= 0 && number <= 1 {
			return nil
		}
		return fmt.Errorf("%s_ARG is %q, which is not a number from 0 to 1", variable, ratio)
	default:
		return fmt.Errorf("%s is %q, which is not always_on, always_off or traceidratio, or one of these after parentbased_", variable, sampler)
	}
}
