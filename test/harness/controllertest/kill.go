package controllertest

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/dudaji/nufi/test/harness"
)

var errKilled = errors.New("the controller was killed")

// Moment is when a controller is killed or stopped: at a request that is no dry run.
type Moment struct {
	Method     string
	Path, Body string // parts
	// Count is the number of the request among those that match. 0 is the first.
	Count int
	// After lets the request pass. A killed controller sends none after it.
	After bool
}

func (m *Moment) is(request *http.Request) bool {
	if m == nil || request.Method != m.Method || !strings.Contains(request.URL.Path, m.Path) || request.URL.Query().Has("dryRun") {
		return false
	}
	if m.Body != "" {
		if request.GetBody == nil {
			return false
		}
		body, err := request.GetBody()
		if err != nil {
			return false
		}
		content, err := io.ReadAll(body)
		if err != nil || !strings.Contains(string(content), m.Body) {
			return false
		}
	}
	m.Count--
	return m.Count < 0
}

// deaths stops a controller at a moment, or ends all requests of one that was killed.
type deaths struct {
	mu      sync.Mutex
	moment  *Moment
	stop    func()        // nil: the controller is killed
	reached chan struct{} // closed at the moment
	dead    bool
}

// KillAt kills the controller at a moment, as kill -9 does: no later request reaches the API server. The
// returned function waits for the moment, and returns when the controller has ended.
func (c *Controller) KillAt(moment Moment) (await func(h *harness.Harness)) {
	reached := c.deaths.set(moment, nil)
	return func(h *harness.Harness) {
		h.Helper()
		reached(h)
		_ = c.Stop() // It cannot end in order.
	}
}

// StopAt stops the controller before a moment, as SIGTERM does. The request ends with its context. The
// returned function waits for the moment, and returns when the controller has ended.
func (c *Controller) StopAt(moment Moment) (await func(h *harness.Harness)) {
	reached := c.deaths.set(moment, c.cancel)
	return func(h *harness.Harness) {
		h.Helper()
		reached(h)
		h.Must(c.Stop())
	}
}

// set returns a function that waits for the moment.
func (d *deaths) set(moment Moment, stop func()) (await func(h *harness.Harness)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moment, d.stop, d.reached = &moment, stop, make(chan struct{})
	return func(h *harness.Harness) {
		h.Helper()
		h.Await("the moment to end the controller", func() bool {
			select {
			case <-d.reached:
				return true
			default:
				return false
			}
		})
	}
}

func (d *deaths) before(request *http.Request) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.dead && d.moment != nil && !d.moment.After && d.moment.is(request) {
		d.die()
		if d.stop != nil {
			<-request.Context().Done()
		}
	}
	if d.dead {
		return errKilled
	}
	return nil
}

func (d *deaths) after(request *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.dead && d.moment != nil && d.moment.After && d.moment.is(request) {
		d.die()
	}
}

func (d *deaths) die() {
	close(d.reached)
	if d.moment = nil; d.stop != nil {
		d.stop()
		return
	}
	d.dead = true
}
