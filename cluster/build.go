package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// binary is the one program that the others are links to.
const binary = "kube"

// build compiles the source into target, once among all who ask for it at once.
func (b Builder) build(ctx context.Context, source, version, target string) error {
	if err := os.MkdirAll(b.Cache, 0o700); err != nil {
		return full(err)
	}
	lock, err := awaitLock(ctx, target+".lock", func() {
		b.Progress.say("waiting for another build of the control plane", "")
	})
	if err != nil {
		return fmt.Errorf("waiting for another build of the control plane: %w", err)
	}
	if exists(target) {
		return lock.release()
	}
	return errors.Join(b.compileAside(ctx, source, version, target), lock.release())
}

// compileAside leaves either all of target or nothing of it. What a killed build left
// behind is removed by the next, which alone holds the lock.
func (b Builder) compileAside(ctx context.Context, source, version, target string) (err error) {
	aside := target + ".part"
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	if err := os.Mkdir(aside, 0o700); err != nil {
		return full(err)
	}
	if err := b.compile(ctx, source, version, filepath.Join(aside, binary)); err != nil {
		return err
	}
	for _, name := range []Component{Etcd, APIServer, ControllerManager, Scheduler, KWOK, "kubelet", kubectl} {
		if err := os.Symlink(binary, filepath.Join(aside, string(name))); err != nil {
			return full(err)
		}
	}
	return os.Rename(aside, target)
}

func (b Builder) compile(ctx context.Context, source, version, out string) error {
	const step = "compiling etcd, Kubernetes and KWOK"
	b.Progress.say(step, "once; it is kept in "+b.Cache)
	cmd := goBuild(ctx, source, version, out)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("%w: put go on the PATH, or name existing binaries in %s", ErrNoGo, assetsVariable)
		}
		return fmt.Errorf("%s: %w", step, err)
	}
	said := b.follow(step, stderr)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", step, failedBuild(ctx, err, said))
	}
	return nil
}

func goBuild(ctx context.Context, source, version, out string) *exec.Cmd {
	cmd := command(ctx, "go", "build", "-v", "-ldflags", linkerFlags(version), "-o", out, ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.SysProcAttr = apart()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // It removes its own work files.
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// linkerFlags stamp the version, without which the API server names none, and drop
// the symbols: half of the binary.
func linkerFlags(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	const at = " -X k8s.io/component-base/version."
	return "-s -w" + at + "gitVersion=" + version + at + "gitMajor=" + parts[0] + at + "gitMinor=" + parts[1]
}

// follow counts the packages that go build names as it compiles them, and returns
// whatever else it says.
func (b Builder) follow(step string, output io.Reader) string {
	var said strings.Builder
	packages := 0
	for lines := bufio.NewScanner(output); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			b.Progress.say(step, line[len("go: "):])
		case strings.Contains(line, " "):
			said.WriteString(line + "\n")
		default:
			packages++
			b.Progress.say(step, fmt.Sprintf("%d packages, now %s", packages, line))
		}
	}
	return said.String()
}

// failedBuild says why, if it can be known: the user stopped it, the disk, the compiler.
func failedBuild(ctx context.Context, exit error, said string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if fault := diagnose(said); fault != nil {
		return fault
	}
	return fmt.Errorf("%w:\n%s", exit, tail(said))
}
