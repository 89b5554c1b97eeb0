package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	err = b.compileAside(ctx, source, version, target)
	if err == nil {
		err = trim(b.Cache, time.Now())
	}
	return errors.Join(err, lock.release())
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
	compilation := Compilation{
		Step: "compiling etcd, Kubernetes and KWOK", Dir: source, Package: ".",
		LinkerFlags: stamp(version), Out: filepath.Join(aside, binary),
	}
	if err := compilation.Run(ctx, b.Progress); err != nil {
		return err
	}
	for _, name := range []Component{Etcd, APIServer, ControllerManager, Scheduler, KWOK, "kubelet", kubectl} {
		if err := os.Symlink(binary, filepath.Join(aside, string(name))); err != nil {
			return full(err)
		}
	}
	return os.Rename(aside, target)
}

// stamp is the version, without which the API server names none.
func stamp(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	const at = " -X k8s.io/component-base/version."
	return at + "gitVersion=" + version + at + "gitMajor=" + parts[0] + at + "gitMinor=" + parts[1]
}
