package controllertest

import (
	"bytes"
	"io"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DelayWatches holds the events of a resource back from the controller's informers until release is
// called: they lag behind the API server. They get the objects that exist when they start.
func (c *Controller) DelayWatches(resource string) (release func()) {
	return c.watches.closeFor(resource)
}

// gate delays the responses to watches, by resource.
type gate struct {
	mu     sync.Mutex
	opened *sync.Cond
	closed map[string]bool
}

func newGate() *gate {
	g := &gate{closed: map[string]bool{}}
	g.opened = sync.NewCond(&g.mu)
	return g
}

func (g *gate) closeFor(resource string) (open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed[resource] = true
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.closed, resource)
		g.opened.Broadcast()
	})
}

func (g *gate) delay(resource string, body io.ReadCloser) io.ReadCloser {
	return &gatedBody{ReadCloser: body, gate: g, resource: resource}
}

// endOfInitialEvents is in the event that follows those of the objects that exist when a watch starts.
const endOfInitialEvents = metav1.InitialEventsAnnotationKey

// gatedBody returns what it reads after the initial events when the gate is open.
type gatedBody struct {
	io.ReadCloser

	gate     *gate
	resource string
	last     []byte // which may have the first part of endOfInitialEvents
	isLater  bool
}

func (b *gatedBody) Read(content []byte) (int, error) {
	n, err := b.ReadCloser.Read(content)
	if !b.isLater {
		b.last = append(b.last[max(0, len(b.last)-len(endOfInitialEvents)):], content[:n]...)
		b.isLater = bytes.Contains(b.last, []byte(endOfInitialEvents))
		return n, err
	}
	b.gate.mu.Lock()
	defer b.gate.mu.Unlock()
	for err == nil && b.gate.closed[b.resource] {
		b.gate.opened.Wait()
	}
	return n, err
}
