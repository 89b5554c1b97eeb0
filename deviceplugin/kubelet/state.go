package kubelet

import (
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// evaluate returns why a new registration is needed; empty if it is not.
func (r *Registration) evaluate() string {
	r.mu.Lock()
	s := r.current
	r.mu.Unlock()
	reason := r.reregistrationReason(s)
	r.recordState(s, reason)
	return reason
}

func (r *Registration) reregistrationReason(s *session) string {
	if s == nil {
		return "not registered yet"
	}
	if own, err := os.Lstat(s.path); err != nil || !sameSocket(own, s.file) {
		return "own socket was removed"
	}
	switch stream := s.streamState(); {
	case stream == streamClosed:
		return "stream was closed"
	case stream == streamAwaited && r.server.Clock.Since(s.registered) > streamGrace:
		return "stream was never opened"
	}
	return ""
}

// recordState records since when the kubelet has not been watching.
func (r *Registration) recordState(s *session, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case reason == "" && s.streamState() == streamOpen:
		r.disconnectedSince = time.Time{}
	case r.disconnectedSince.IsZero():
		r.disconnectedSince = r.server.Clock.Now()
	}
}

// sameSocket compares by inode and time: a new socket may get the old inode.
func sameSocket(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime())
}

// Ready returns nil if the kubelet watches the devices, or if there are none.
func (r *Registration) Ready() error {
	select {
	case <-r.server.Devices.Ready():
	default:
		return errNotReady
	}
	if entries, _ := r.server.Devices.Snapshot(); len(entries) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil || r.current.streamState() != streamOpen || !r.disconnectedSince.IsZero() {
		return errNotRegistered
	}
	return nil
}

// Alive returns an error if the kubelet has not been watching for disconnectedGrace: a
// restart of the plugin may help.
func (r *Registration) Alive() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if duration := r.server.Clock.Since(r.disconnectedSince); !r.disconnectedSince.IsZero() && duration > disconnectedGrace {
		return fmt.Errorf("%w for %s", errNotRegistered, duration.Round(time.Second))
	}
	return nil
}

// Collector exports the age of the current registration; no series without one.
func (r *Registration) Collector() prometheus.Collector {
	return age{r, prometheus.NewDesc("nufi_deviceplugin_registration_age_seconds",
		"Time since the current registration with the kubelet.", nil, nil)}
}

type age struct {
	registration *Registration
	desc         *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (a age) Describe(out chan<- *prometheus.Desc) { out <- a.desc }

// Collect implements prometheus.Collector.
func (a age) Collect(out chan<- prometheus.Metric) {
	if a.registration.Ready() != nil {
		return
	}
	a.registration.mu.Lock()
	defer a.registration.mu.Unlock()
	if s := a.registration.current; s != nil {
		out <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, s.server.Clock.Since(s.registered).Seconds())
	}
}
