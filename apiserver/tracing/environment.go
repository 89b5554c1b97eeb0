package tracing

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

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
