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

// stopTimeout is how long a program may take to stop before it is killed. An API server
// waits a minute for its last watch. Killing it loses no data, nor does killing etcd: the
// kernel still has its log.
const stopTimeout = 2 * time.Second

// program is a command line and the path of its log.
type program struct {
	component Component
	path      string
	args, env []string
	log       string
}

// process is a running program. When it has exited, err is set and done is closed.
type process struct {
	program
	cmd     *exec.Cmd
	done    chan struct{}
	err     error
	stopped atomic.Bool
}

// command returns the command of a program of the assets, the checkout or the PATH.
func command(ctx context.Context, path string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, path, args...) //nolint:gosec // Paths and arguments are this package's own.
}

// launch starts a program that inherits the lock's file.
func launch(p program, lock *fileLock) (*process, error) {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, diskFull(err)
	}
	cmd := &exec.Cmd{ // Without a context: the program outlives that of its start.
		Path: p.path, Args: append([]string{p.path}, p.args...),
		Env:    append(environment(), p.env...),
		Stdout: log, Stderr: log,
		ExtraFiles:  []*os.File{lock.file},
		SysProcAttr: childAttributes(),
	}
	running := &process{program: p, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go running.run(started, log)
	return running, <-started
}

// environment returns the user's, without the variables that override a component's flags.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "ETCD_") || strings.HasPrefix(variable, "KWOK_")
	})
}

// run starts the process and waits for it on one thread: Pdeathsig is sent when the thread
// that started the child exits (go.dev/issue/27505).
func (p *process) run(started chan<- error, log *os.File) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	_ = log.Close() // The child has its own descriptor.
	if err != nil {
		started <- fmt.Errorf("starting %s: %w", p.component, err)
		return
	}
	started <- nil
	p.err = p.cmd.Wait()
	close(p.done)
}

// stop stops the process and its group, and returns when it has exited.
func (p *process) stop() error {
	p.stopped.Store(true)
	select {
	case <-p.done:
		return nil // The id may have been reused.
	default:
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTimeout):
	}
	err := p.signal(syscall.SIGKILL)
	<-p.done
	return err
}

func (p *process) signal(s syscall.Signal) error {
	err := syscall.Kill(-p.cmd.Process.Pid, s)
	if errors.Is(err, syscall.ESRCH) {
		return nil // It has already exited.
	}
	return err
}

// exitError returns the error of a process that exited by itself.
func (p *process) exitError() error {
	exit := p.err
	if exit == nil {
		exit = errors.New("exit status 0")
	}
	err := unexpectedExit(string(p.component), p.log, exit)
	if p.component == Etcd && !errors.Is(err, ErrPortInUse) && !errors.Is(err, ErrDiskFull) {
		return errors.Join(err, errDamaged)
	}
	return err
}
