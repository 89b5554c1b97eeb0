package kubelet

import (
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// judge says why a new registration is needed; empty if the current one stands.
func (r *Registration) judge() string {
	r.mu.Lock()
	s := r.current
	r.mu.Unlock()
	why := r.fault(s)
	r.note(s, why)
	return why
}

func (r *Registration) fault(s *session) string {
	if s == nil {
		return "not registered yet"
	}
	if own, err := os.Lstat(s.path); err != nil || !sameSocket(own, s.file) {
		return "own socket was removed"
	}
	switch stream := s.streamState(); {
	case stream == streamLost:
		return "stream was lost"
	case stream == streamAwaited && r.server.Clock.Since(s.registered) > streamGrace:
		return "stream was never opened"
	}
	return ""
}

// note remembers since when the kubelet is not watching.
func (r *Registration) note(s *session, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case why == "" && s.streamState() == streamOpen:
		r.lostSince = time.Time{}
	case r.lostSince.IsZero():
		r.lostSince = r.server.Clock.Now()
	}
}

// sameSocket compares by inode and time: a new socket may get the old inode.
func sameSocket(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime())
}

// Ready is nil if the kubelet watches the devices now, or if there are none for it
// to watch.
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
	if r.current == nil || r.current.streamState() != streamOpen || !r.lostSince.IsZero() {
		return errNotRegistered
	}
	return nil
}

// Alive is nil unless the kubelet has not been watching for so long that a restart of
// the plugin is worth trying.
func (r *Registration) Alive() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if lost := r.server.Clock.Since(r.lostSince); !r.lostSince.IsZero() && lost > lostGrace {
		return fmt.Errorf("%w for %s", errNotRegistered, lost.Round(time.Second))
	}
	return nil
}

// Collector exports how long the current registration has stood; no series without one.
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
