package dashboard_test

import (
	"context"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/traffic"
	"github.com/dudaji/nufi/fetchers"
)

// measured answers as Prometheus does for a server that was down for fifteen minutes. test/monitoring reads
// a real one.
type measured struct{ factor *atomic.Int64 }

func (m measured) QueryRange(_ context.Context, _ string, start, end time.Time, step time.Duration) ([]fetchers.Series, error) {
	var all []fetchers.Series
	for i, name := range []traffic.Name{
		traffic.RequestsRunning, traffic.RequestsWaiting, traffic.GeneratedTokens, traffic.FirstTokenP50, traffic.FirstTokenP95, traffic.CacheUsage,
	} {
		series := fetchers.Series{Labels: labels{"nufi_measurement": string(name)}}
		top := []float64{9, 4, 1800, 0.08, 0.31, 0.7}[i] * float64(m.factor.Load())
		for at := start; !at.After(end); at = at.Add(step) {
			minute := at.Sub(start).Minutes()
			if minute > 18 && minute < 33 {
				continue
			}
			value := top * (0.6 + 0.3*math.Sin(minute/7) + 0.1*math.Sin(minute*1.7+float64(i)))
			if i < 2 {
				value = math.Round(value)
			}
			series.Points = append(series.Points, fetchers.Point{Time: at, Value: value})
		}
		all = append(all, series)
	}
	return all, nil
}

type labels map[string]string

func (l labels) Get(name string) string { return l[name] }

func TestTrafficIsDrawnAndFollowed(t *testing.T) {
	m := measured{new(atomic.Int64)}
	m.factor.Store(1)
	s := newServer(t, func(o *api.Options) {
		o.Traffic, o.Limits.Streams.Revalidate = m, 200*time.Millisecond
	})
	for _, look := range looks() {
		t.Run(look.String(), func(t *testing.T) {
			tab := open(t, s, "vic", look)
			tab.visit("/deployments/ml/llama-8b/traffic")
			if got := eval[int](tab, "document.querySelectorAll('svg.chart').length"); got != 4 {
				t.Errorf("there are %d charts", got)
			}
			if got := eval[string](tab, "document.querySelector('svg.chart path.line0').getAttribute('d')"); strings.Count(got, "M") != 2 {
				t.Errorf("the line has no gap: %s", got)
			}
			if look == looks()[0] {
				eval[bool](tab, "document.querySelector('.tabs').scrollIntoView() === undefined")
				tab.screenshot("dashboard-traffic")
			}
			eval[bool](tab, "document.querySelector('main details').open = true")
			if got := eval[int](tab, "document.querySelectorAll('main details tbody tr').length"); got != 61 {
				t.Errorf("the table has %d rows", got)
			}
			tab.wantNoReports()
			tab.wantAccessible()
		})
	}
	tab := open(t, s, "vic", looks()[0])
	tab.visit("/deployments/ml/llama-8b/traffic")
	eval[bool](tab, `(window.before = document.querySelector("svg.chart").outerHTML) && (window.sameDocument = true)`)
	awaitStreams(s, 1)
	m.factor.Store(3)
	tab.await(`document.querySelector("svg.chart").outerHTML !== window.before && window.sameDocument`)
	tab.wantNoReports()
}
