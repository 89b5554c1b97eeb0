package traffic

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/render"
)

// labelMeasurement distinguishes the series of one query.
const labelMeasurement = "nufi_measurement"

// measurement is a series and the expression for it.
type measurement struct {
	name       Name
	unit       Unit
	expression string
}

// measurementsOf returns what a server measures, of the pods of one NpuDeploy. The monitors of the bundle
// write the label npudeploy, by which earlier pods are found too.
func measurementsOf(metrics render.ServerMetrics, namespace, name string) []measurement {
	selector := fmt.Sprintf("{namespace=%q,npudeploy=%q}", namespace, name)
	rate := "rate(%s" + selector + "[5m])"
	quantile := func(share string) string {
		return "histogram_quantile(" + share + ", sum by (le) (rate(%s_bucket" + selector + "[5m])))"
	}
	var result []measurement
	for _, m := range []struct {
		name   Name
		unit   Unit
		metric string
		format string
	}{
		{RequestsRunning, UnitRequests, metrics.Running, "sum(%s" + selector + ")"},
		{RequestsWaiting, UnitRequests, metrics.Waiting, "sum(%s" + selector + ")"},
		{GeneratedTokens, UnitTokensPerSecond, metrics.GenerationTokens, "sum(" + rate + ")"},
		{FirstTokenP50, UnitSeconds, metrics.TimeToFirstToken, quantile("0.5")},
		{FirstTokenP95, UnitSeconds, metrics.TimeToFirstToken, quantile("0.95")},
		{CacheUsage, UnitRatio, metrics.KVCache, "max(%s" + selector + ")"},
	} {
		if m.metric != "" {
			result = append(result, measurement{m.name, m.unit, fmt.Sprintf(m.format, m.metric)})
		}
	}
	return result
}

// expression reads all measurements at once.
func expression(measurements []measurement) string {
	parts := make([]string, len(measurements))
	for i, m := range measurements {
		parts[i] = fmt.Sprintf("label_replace(%s, %q, %q, \"\", \"\")", m.expression, labelMeasurement, m.name)
	}
	return strings.Join(parts, " or ")
}

// newSeries returns all measurements, with null at each step that has no number.
func newSeries(measurements []measurement, found []fetchers.Series, start time.Time) []Series {
	result := make([]Series, len(measurements))
	for i, m := range measurements {
		result[i] = Series{Name: m.name, Unit: m.unit, Values: make([]*float64, period/step+1)}
		for _, series := range found {
			if series.Labels.Get(labelMeasurement) != string(m.name) {
				continue
			}
			for _, point := range series.Points {
				at := point.Time.Sub(start) / step
				if at >= 0 && int(at) < len(result[i].Values) && !math.IsNaN(point.Value) && !math.IsInf(point.Value, 0) {
					result[i].Values[at] = &point.Value
				}
			}
		}
	}
	return result
}
