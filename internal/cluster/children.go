package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// children are the programs of one cluster, in the order of their start. The first
// unexpected exit fails the cluster.
type children struct {
	lock *fileLock

	mu      sync.Mutex
	running []*process
	err     error         // of the first unexpected exit
	failed  chan struct{} // closed when err is set
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

// watch records the exit of a process that was not stopped.
func (c *children) watch(p *process) {
	<-p.done
	if p.stopped.Load() {
		return
	}
	err := p.exitError()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.failed)
	}
}

// withFailure returns a context that is done when parent is, or when a child exits by
// itself. The exit is then the context's cause.
func (c *children) withFailure(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		select {
		case <-c.failed:
			cancel(c.err)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// stop stops one component's process.
func (c *children) stop(component Component) error {
	c.mu.Lock()
	i := slices.IndexFunc(c.running, func(p *process) bool { return p.component == component })
	if i < 0 {
		c.mu.Unlock()
		return fmt.Errorf("%s is not running", component)
	}
	p := c.running[i]
	c.running = slices.Delete(c.running, i, i+1)
	c.mu.Unlock()
	return p.stop()
}

// stopAll stops every process in reverse order of start, so that each can use the ones it
// depends on while it stops.
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

// pids returns the ids of the running processes.
func (c *children) pids() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]int, 0, len(c.running))
	for _, p := range c.running {
		ids = append(ids, p.cmd.Process.Pid)
	}
	return ids
}
