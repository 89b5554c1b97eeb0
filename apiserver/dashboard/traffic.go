package dashboard

import (
	"net/http"
	"strconv"
	"time"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/traffic"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const trafficOperation = "readTraffic"

// trafficView is what the tab of traffic shows.
type trafficView struct {
	Reason  traffic.Reason // why there are no charts, with its key in words
	Dialect string
	Charts  []chart
	Names   []traffic.Name // columns of the table
	Rows    []trafficRow   // the newest first
}

// trafficRow is the values at one time, "" where there is none.
type trafficRow struct {
	Time   string // HH:MM
	Values []string
}

// chartNames are the charts and the series of each, with their keys in words.
func chartNames() []struct {
	name   string
	series []traffic.Name
} {
	return []struct {
		name   string
		series []traffic.Name
	}{
		{"requests", []traffic.Name{traffic.RequestsRunning, traffic.RequestsWaiting}},
		{"tokens", []traffic.Name{traffic.GeneratedTokens}},
		{"firstToken", []traffic.Name{traffic.FirstTokenP50, traffic.FirstTokenP95}},
		{"cache", []traffic.Name{traffic.CacheUsage}},
	}
}

// addTraffic shows the measurements of the last hour.
func addTraffic(h *Handlers, r *http.Request, user *kube.UserClient, page *deploymentPage) error {
	var read traffic.Traffic
	if _, err := h.read(r, user, trafficOperation, input{}, &read); err != nil {
		return err
	}
	page.Traffic = newTrafficView(&read)
	return nil
}

func newTrafficView(read *traffic.Traffic) *trafficView {
	view := &trafficView{Reason: read.Reason, Dialect: read.Dialect}
	byName := map[traffic.Name]traffic.Series{}
	for _, series := range read.Series {
		byName[series.Name] = series
		view.Names = append(view.Names, series.Name)
	}
	step := time.Duration(read.Step) * time.Second
	for _, names := range chartNames() {
		var lines []traffic.Series
		for _, name := range names.series {
			if series, ok := byName[name]; ok {
				lines = append(lines, series)
			}
		}
		if len(lines) > 0 {
			view.Charts = append(view.Charts, newChart(names.name, lines, read.Start, step))
		}
	}
	if len(read.Series) == 0 {
		return view
	}
	for i := len(read.Series[0].Values) - 1; i >= 0; i-- {
		row := trafficRow{Time: read.Start.Add(time.Duration(i) * step).Format("15:04")}
		for _, series := range read.Series {
			row.Values = append(row.Values, valueText(series.Values[i], series.Unit))
		}
		view.Rows = append(view.Rows, row)
	}
	return view
}

// valueText returns a value with its unit, "" if there is none.
func valueText(value *float64, unit traffic.Unit) string {
	if value == nil {
		return ""
	}
	switch unit {
	case traffic.UnitRatio:
		return percent(value)
	case traffic.UnitSeconds:
		if *value < 1 {
			return strconv.FormatFloat(*value*1e3, 'f', 0, 64) + " ms"
		}
		return strconv.FormatFloat(*value, 'f', 1, 64) + " s"
	case traffic.UnitTokensPerSecond:
		return strconv.FormatFloat(*value, 'f', 1, 64)
	case traffic.UnitRequests:
	}
	return strconv.FormatFloat(*value, 'f', -1, 64)
}

// backend is a deployment that gets requests to the host of another one.
type backend struct {
	v1.TrafficStatus

	URL   string
	State state
	Share int64 // percentage of the requests without a match, rounded
}

// backendsOf returns the backends of the route of a deployment, or none if it has no other.
func backendsOf(deploy *v1.NpuDeploy) []backend {
	var sum int64
	for i := range deploy.Status.Traffic {
		sum += int64(deploy.Status.Traffic[i].Weight)
	}
	result := make([]backend, 0, len(deploy.Status.Traffic))
	for _, current := range deploy.Status.Traffic {
		shown := backend{TrafficStatus: current, URL: deploymentPathOf(deploy.Namespace, current.Name), State: stateOfBackend(current.State)}
		if sum > 0 {
			shown.Share = (200*int64(current.Weight) + sum) / (2 * sum)
		}
		result = append(result, shown)
	}
	return result
}

// stateOfBackend returns the state of a deployment that is like that of a backend.
func stateOfBackend(state v1.BackendState) state {
	switch state {
	case v1.BackendReady:
		return status.StateReady
	case v1.BackendScaledToZero:
		return status.StateScaledDown
	case v1.BackendMissing:
		return status.StateError
	case v1.BackendNotReady:
	}
	return status.StateStarting
}
