package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// children are the programs of one cluster, in the order of their start. The first
// that ends by itself is the fault of them all.
type children struct {
	lock *fileLock

	mu      sync.Mutex
	running []*process
	fault   error
	failed  chan struct{} // closed once fault is set
}

func newChildren(lock *fileLock) *children {
	return &children{lock: lock, failed: make(chan struct{})}
}

func (c *children) start(p program) error {
	started, err := launch(p, c.lock)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = append(c.running, started)
	go c.watch(started)
	return nil
}

// watch records the end of a process that nobody stopped.
func (c *children) watch(p *process) {
	<-p.done
	if p.stopped.Load() {
		return
	}
	fault := p.fault()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault == nil {
		c.fault = fault
		close(c.failed)
	}
}

// guard returns a context that is done when parent is or a child ends by itself;
// context.Cause tells which.
func (c *children) guard(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		select {
		case <-c.failed:
			cancel(c.fault)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// stop ends one component's process.
func (c *children) stop(component Component) error {
	c.mu.Lock()
	at := slices.IndexFunc(c.running, func(p *process) bool { return p.component == component })
	if at < 0 {
		c.mu.Unlock()
		return fmt.Errorf("%s is not running", component)
	}
	p := c.running[at]
	c.running = slices.Delete(c.running, at, at+1)
	c.mu.Unlock()
	return p.stop()
}

// stopAll ends every process, the last started first, so that none loses what it
// stands on while it stops.
func (c *children) stopAll() error {
	c.mu.Lock()
	running := c.running
	c.running = nil
	c.mu.Unlock()
	errs := make([]error, 0, len(running))
	for _, p := range slices.Backward(running) {
		errs = append(errs, p.stop())
	}
	return errors.Join(errs...)
}

// pids are the process ids of what runs now.
func (c *children) pids() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]int, 0, len(c.running))
	for _, p := range c.running {
		ids = append(ids, p.cmd.Process.Pid)
	}
	return ids
}
