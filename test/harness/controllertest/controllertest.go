// Package controllertest runs the controller inside a test, with the rights that bundle/
// grants to its service account and no others, and records its requests.
//
//	h := harness.New(t)
//	c := controllertest.Start(h, controller.Options{})
//	h.Apply(manifest)
//	c.AwaitQuiet(h, h.Namespace, time.Second)
//	if len(c.Writes(h.Namespace)) != 1 { ... }
package controllertest

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/templates"
	"github.com/dudaji/nufi/test/harness"
)

// Controller is a running controller.
type Controller struct {
	Registry *prometheus.Registry

	watches *gate
	deaths  *deaths
	cancel  context.CancelFunc
	ended   chan error
	stop    func() error

	mu        sync.Mutex
	writes    map[string][]string // by namespace or project: "PATCH /apis/..."
	reads     map[string]int
	forbidden []string // requests with the response 403
}

// Start runs a controller until Stop, at the latest until the test ends.
func Start(h *harness.Harness, options controller.Options) *Controller {
	h.Helper()
	c := run(h, options)
	h.Cleanup(func() {
		if err := c.Stop(); err != nil {
			h.Error("stopping the controller: ", err)
		}
	})
	return c
}

// Shared is one controller for all tests of a package. It ends with the process.
type Shared struct {
	// Options are the controller's. Nil means none.
	Options func() (controller.Options, error)

	once    sync.Once
	running *Controller
}

// Start returns the controller, which the first call starts.
func (s *Shared) Start(h *harness.Harness) *Controller {
	h.Helper()
	s.once.Do(func() {
		options := controller.Options{}
		if s.Options != nil {
			var err error
			options, err = s.Options()
			h.Must(err)
		}
		s.running = run(h, options)
	})
	if s.running == nil {
		h.Fatal("the controller could not be started")
	}
	return s.running
}

// run starts a controller. NUFI_TEST_LOG=1 writes its log to standard error.
func run(h *harness.Harness, options controller.Options) *Controller {
	h.Helper()
	c := &Controller{
		Registry: prometheus.NewRegistry(), ended: make(chan error, 1),
		writes: map[string][]string{}, reads: map[string]int{}, watches: newGate(), deaths: &deaths{},
	}
	c.stop = sync.OnceValue(func() error {
		c.cancel()
		return <-c.ended
	})
	if options.Log.GetSink() == nil {
		options.Log = logger()
	}
	options.MetricsAddress, options.ProbeAddress = "0", cmp.Or(options.ProbeAddress, "0")
	options.Registry, options.Validate = c.Registry, templates.Validate
	if options.Workers == 0 {
		options.Workers = 8
	}
	config := h.ControllerConfig()
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return recorder{c, next} })
	mgr, err := controller.New(config, options)
	h.Must(err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.Context()))
	c.cancel = cancel
	go func() { c.ended <- mgr.Start(ctx) }()
	return c
}

func logger() logr.Logger {
	if os.Getenv("NUFI_TEST_LOG") == "" {
		return logr.Discard()
	}
	return funcr.New(func(prefix, line string) { _, _ = os.Stderr.WriteString(prefix + " " + line + "\n") }, funcr.Options{LogTimestamp: true})
}

// Stop returns when the controller has ended. A second call does nothing.
func (c *Controller) Stop() error { return c.stop() }

// Writes returns the writing requests about a namespace or a project.
func (c *Controller) Writes(namespace string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.writes[namespace])
}

// Requests counts all requests about a namespace or a project.
func (c *Controller) Requests(namespace string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.writes[namespace]) + c.reads[namespace]
}

// Forbidden returns the requests with the response 403. After a start of the API
// server, these include requests that its authorizer allows a moment later.
func (c *Controller) Forbidden() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.forbidden)
}

// Metric returns the sum of a metric's values over all labels.
func (c *Controller) Metric(h *harness.Harness, name string) float64 {
	h.Helper()
	families, err := c.Registry.Gather()
	h.Must(err)
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

// AwaitQuiet returns when no request about the namespace was made for the duration.
func (c *Controller) AwaitQuiet(h *harness.Harness, namespace string, quiet time.Duration) {
	h.Helper()
	last, since := c.Requests(namespace), time.Now()
	h.Await("the controller to send no more requests", func() bool {
		if now := c.Requests(namespace); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) >= quiet
	})
}

// recorder records requests by the namespace, or the project, in their path.
type recorder struct {
	controller *Controller
	next       http.RoundTripper
}

func (r recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := r.controller.deaths.before(request); err != nil {
		return nil, err
	}
	r.controller.record(request)
	response, err := r.next.RoundTrip(request)
	r.controller.deaths.after(request)
	if err == nil && request.URL.Query().Get("watch") != "" {
		response.Body = r.controller.watches.delay(path.Base(request.URL.Path), response.Body)
	}
	if err == nil && response.StatusCode == http.StatusForbidden {
		r.controller.recordForbidden(request)
	}
	return response, err
}

func (c *Controller) record(request *http.Request) {
	namespace := scope(request.URL.Path)
	if namespace == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if request.Method == http.MethodGet || request.URL.Query().Has("dryRun") {
		c.reads[namespace]++
		return
	}
	c.writes[namespace] = append(c.writes[namespace], request.Method+" "+request.URL.Path)
}

func (c *Controller) recordForbidden(request *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forbidden = append(c.forbidden, request.Method+" "+request.URL.Path)
}

// scope returns the name of the namespace or the project that a path is in.
func scope(path string) string {
	for _, collection := range []string{"/namespaces/", "/projects/"} {
		if _, rest, found := strings.Cut(path, collection); found {
			name, _, _ := strings.Cut(rest, "/")
			return name
		}
	}
	return ""
}
