package controllertest

import (
	"io"
	"sync"
)

// DelayWatches holds the events of a resource back from the controller's informers until release is
// called: they lag behind the API server.
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
	return gatedBody{body, g, resource}
}

// gatedBody returns what it reads when the gate is open.
type gatedBody struct {
	io.ReadCloser

	gate     *gate
	resource string
}

func (b gatedBody) Read(content []byte) (int, error) {
	n, err := b.ReadCloser.Read(content)
	b.gate.mu.Lock()
	defer b.gate.mu.Unlock()
	for err == nil && b.gate.closed[b.resource] {
		b.gate.opened.Wait()
	}
	return n, err
}
