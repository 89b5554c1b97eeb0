package controller

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/controller/measure"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// measureTimeout bounds one query.
const measureTimeout = 10 * time.Second

// measurements has the newest measurement of each NpuDeploy whose steps are in progress. It measures
// outside of reconciles, and reconciles the NpuDeploy after each measurement.
type measurements struct {
	querier fetchers.Querier // nil if none is configured
	clock   clock.WithTicker
	queue   *queue

	mu       sync.Mutex
	byDeploy map[types.NamespacedName]measured
}

type measured struct {
	backends []string
	newest   *status.Measurement // nil before the first
}

// of returns the newest measurement of the backends of deploy, or nil. They are measured from now on.
func (m *measurements) of(deploy types.NamespacedName, backends []string) *status.Measurement {
	if m.querier == nil {
		return &status.Measurement{Error: "the controller has no Prometheus: set --prometheus"}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	newest := m.byDeploy[deploy].newest
	m.byDeploy[deploy] = measured{backends, newest}
	return newest
}

func (m *measurements) forget(deploy types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byDeploy, deploy)
}

// Start measures in each period until ctx ends. The manager calls it in the leader alone.
func (m *measurements) Start(ctx context.Context) error {
	if m.querier == nil {
		return nil
	}
	ticker := m.clock.NewTicker(status.MeasurePeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
			m.measure(ctx)
		}
	}
}

// measure measures once for each NpuDeploy. After a query has failed, the others get its error without a query, so
// that time-outs do not add up.
func (m *measurements) measure(ctx context.Context) {
	m.mu.Lock()
	due := make(map[types.NamespacedName][]string, len(m.byDeploy))
	for deploy, each := range m.byDeploy {
		due[deploy] = each.backends
	}
	m.mu.Unlock()
	var failed *status.Measurement
	for deploy, backends := range due {
		newest := failed
		if failed == nil {
			bounded, cancel := context.WithTimeout(ctx, measureTimeout)
			newest = measure.Backends(bounded, m.querier, deploy.Namespace, backends, m.clock.Now())
			cancel()
			if newest.Error != "" {
				logr.FromContextOrDiscard(ctx).Info("Measured nothing", "reason", newest.Error)
				failed = newest
			}
		}
		m.mu.Lock()
		if each, exists := m.byDeploy[deploy]; exists {
			m.byDeploy[deploy] = measured{each.backends, newest}
		}
		m.mu.Unlock()
		m.queue.add(deploy)
	}
}

// isPromoting reports whether steps are in progress: they are not once Promoted is True, or rolled back.
func isPromoting(deploy *v1.NpuDeploy, steps *status.TrafficSteps) bool {
	if steps == nil {
		return false
	}
	progress := deploy.StepsProgress()
	return progress == nil || progress.Reason == "" && progress.Share != steps.Shares[len(steps.Shares)-1]
}

// recordedShare returns the share that the status has, or -1.
func recordedShare(deploy *v1.NpuDeploy) int32 {
	if deploy.Status.TrafficSteps == nil {
		return -1
	}
	return deploy.Status.TrafficSteps.Share
}
