package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// grace is how long a program may take to stop before it is killed. An API server
// waits a minute for its last watch; killed, it loses nothing, and neither does etcd,
// whose log the system still holds.
const grace = 2 * time.Second

// program is what to run, and where its output goes.
type program struct {
	component Component
	path      string
	args, env []string
	log       string
}

// process is a running program. done is closed when it has ended, err then says how.
type process struct {
	program
	cmd     *exec.Cmd
	done    chan struct{}
	err     error
	stopped atomic.Bool
}

// command is a program of the assets, of the checkout or of the PATH, with arguments of ours.
func command(ctx context.Context, path string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, path, args...) //nolint:gosec // Running programs is what this package is for.
}

// launch starts a program that inherits the lock's file.
func launch(p program, lock *fileLock) (*process, error) {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, full(err)
	}
	cmd := &exec.Cmd{ // Without a context: it outlives the one that limits its start.
		Path: p.path, Args: append([]string{p.path}, p.args...),
		Env:    append(environment(), p.env...),
		Stdout: log, Stderr: log,
		ExtraFiles:  []*os.File{lock.file},
		SysProcAttr: apart(),
	}
	running := &process{program: p, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go running.run(started, log)
	return running, <-started
}

// environment is the user's, without what would configure a component behind its flags.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "ETCD_") || strings.HasPrefix(variable, "KWOK_")
	})
}

// run starts the process and waits for its end on one thread: the kernel takes the
// end of the thread that started a child for the end of its parent.
func (p *process) run(started chan<- error, log *os.File) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	_ = log.Close() // The child has its own.
	if err != nil {
		started <- fmt.Errorf("starting %s: %w", p.component, err)
		return
	}
	started <- nil
	p.err = p.cmd.Wait()
	close(p.done)
}

// stop ends the process with its group, and returns when it is gone.
func (p *process) stop() error {
	p.stopped.Store(true)
	select {
	case <-p.done:
		return nil // Its id may be another's by now.
	default:
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
	}
	err := p.signal(syscall.SIGKILL)
	<-p.done
	return err
}

func (p *process) signal(s syscall.Signal) error {
	err := syscall.Kill(-p.cmd.Process.Pid, s)
	if errors.Is(err, syscall.ESRCH) {
		return nil // It has ended already.
	}
	return err
}

// fault is why the process ended by itself.
func (p *process) fault() error {
	if p.err == nil {
		return ended(string(p.component), p.log, errors.New("exit status 0"))
	}
	return ended(string(p.component), p.log, p.err)
}
