// Package subject runs the controller inside a test, and counts what it asks of the
// API server.
package subject

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/templates"
)

// Subject is a controller that runs.
type Subject struct {
	Registry *prometheus.Registry

	stop    context.CancelFunc
	stopped chan error
	once    sync.Once
	ended   error

	mu     sync.Mutex
	writes map[string][]string // by namespace: "PATCH /apis/..."
	reads  map[string][]string
}

// Start runs a controller until Stop. Log is told what goes wrong; nil tells nobody.
func Start(tb testing.TB, config *rest.Config, options controller.Options) *Subject {
	tb.Helper()
	s := &Subject{
		Registry: prometheus.NewRegistry(), stopped: make(chan error, 1),
		writes: map[string][]string{}, reads: map[string][]string{},
	}
	log.SetLogger(logr.Discard())
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counter{s, next} })
	options.MetricsAddress, options.ProbeAddress = "0", "0"
	options.Registry, options.Validate = s.Registry, templates.Validate
	if options.Workers == 0 {
		options.Workers = 8
	}
	if options.Log.GetSink() == nil {
		options.Log = logr.Discard()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	mgr, err := controller.New(config, options)
	if err != nil {
		tb.Fatal(err)
	}
	go func() { s.stopped <- mgr.Start(ctx) }()
	return s
}

// Log writes to standard error, for a test that is looked into.
func Log(write func(line string)) logr.Logger {
	return funcr.New(func(prefix, args string) { write(prefix + " " + args) }, funcr.Options{LogTimestamp: true})
}

// Stop returns when nothing of it runs any more. A second time does nothing.
func (s *Subject) Stop() error {
	s.stop()
	s.once.Do(func() { s.ended = <-s.stopped })
	return s.ended
}

// Writes lists what it wrote into a namespace.
func (s *Subject) Writes(namespace string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.writes[namespace]...)
}

// Requests counts what it asked about a namespace, but for watches.
func (s *Subject) Requests(namespace string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.writes[namespace]) + len(s.reads[namespace])
}

// Metric is the sum of a metric's values, whatever their labels.
func (s *Subject) Metric(tb testing.TB, name string) float64 {
	tb.Helper()
	families, err := s.Registry.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name {
				sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// Quiet returns when nothing was asked about the namespace for a while.
func (s *Subject) Quiet(tb testing.TB, namespace string, calm time.Duration) {
	tb.Helper()
	last, since := s.Requests(namespace), time.Now()
	for end := since.Add(time.Minute); time.Since(since) < calm; {
		if time.Now().After(end) {
			tb.Fatalf("the controller does not come to rest: %v", s.Writes(namespace))
		}
		select {
		case <-tb.Context().Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
		if now := s.Requests(namespace); now != last {
			last, since = now, time.Now()
		}
	}
}

// counter notes requests by the namespace, or the project, in their path.
type counter struct {
	subject *Subject
	next    http.RoundTripper
}

func (c counter) RoundTrip(request *http.Request) (*http.Response, error) {
	for _, scope := range []string{"/namespaces/", "/projects/"} {
		if _, rest, found := strings.Cut(request.URL.Path, scope); found {
			namespace, _, _ := strings.Cut(rest, "/")
			c.subject.note(namespace, request)
			break
		}
	}
	return c.next.RoundTrip(request)
}

func (s *Subject) note(namespace string, request *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := request.Method + " " + request.URL.Path
	if request.Method == http.MethodGet {
		s.reads[namespace] = append(s.reads[namespace], line)
		return
	}
	s.writes[namespace] = append(s.writes[namespace], line)
}
