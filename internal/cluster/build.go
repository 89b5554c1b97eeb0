package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// binary is the compiled program. The other programs of the control plane are links to it.
const binary = "kube"

// maxUnused is how long an unused build is kept. It spares a recompilation to those who
// switch between branches with different versions.
const maxUnused = 7 * 24 * time.Hour

// source identifies what the program is compiled from.
type source struct {
	version string // of Kubernetes, v1.x.y
	digest  string // of go.mod, go.sum and the Go files
}

// assets is a program that is compiled from a package of devcluster. It has a link for each of its names.
type assets struct {
	name, title, pkg string
	plain            []string // see Compilation
	links            []Component
}

func controlPlane() assets {
	links := []Component{Etcd, APIServer, ControllerManager, Scheduler, KWOK, kubectl}
	return assets{"kube", "etcd, Kubernetes and KWOK", ".", plain(), links}
}

// kubeletAlone is compiled apart: simulated nodes do not require it.
func kubeletAlone() assets {
	return assets{kubelet, "the kubelet", "./" + kubelet, plain(), []Component{kubelet}}
}

// compilation returns how the program is compiled from a version of Kubernetes.
func (of assets) compilation(version string) Compilation {
	return Compilation{Step: "compiling " + of.title, Package: of.pkg, Plain: of.plain, LinkerFlags: versionFlags(version)}
}

// key is the name of the build's folder. It changes with the source and the flags of the compilation.
func (s source) key(of assets) string {
	sum := sha256.Sum256([]byte(s.digest + strings.Join(of.compilation(s.version).flags(), " ")))
	return fmt.Sprintf("%s-%s-%x", of.name, s.version, sum[:6])
}

// readSource reads devcluster's module.
func readSource(module fs.FS) (source, error) {
	version, err := moduleVersion(module, "k8s.io/kubernetes")
	if err != nil {
		return source{}, err
	}
	sum, err := digest(module)
	return source{version, sum}, err
}

// digest covers each file's name, length and content, so that the boundary between two
// files is unambiguous. It does not cover modules below this one.
func digest(module fs.FS) (string, error) {
	var files []string
	err := fs.WalkDir(module, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasSuffix(name, ".go"):
			files = append(files, name)
		case entry.IsDir() && name != ".":
			if _, err := fs.Stat(module, path.Join(name, "go.mod")); err == nil {
				return fs.SkipDir
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, name := range append(files, "go.mod", "go.sum") {
		content, err := fs.ReadFile(module, name)
		if err != nil {
			return "", err
		}
		if _, err := fmt.Fprintf(hash, "%s %d\n%s", name, len(content), content); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// build returns the folder of a build, which it compiles if there is none.
func (b Builder) build(ctx context.Context, of assets) (string, error) {
	root, err := Checkout(b.Checkout)
	if err != nil {
		return "", fmt.Errorf("%w, which the control plane is compiled from: change to a checkout, or set %s to a folder of binaries", err, assetsVariable)
	}
	dir := filepath.Join(root, "devcluster")
	s, err := readSource(os.DirFS(dir))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", dir, err)
	}
	target := filepath.Join(b.Cache, s.key(of))
	return target, b.buildOnce(ctx, target, of.title, func(part string) error { return b.compile(ctx, of, dir, s.version, part) })
}

// buildOnce fills target as a whole or not at all. Concurrent builds of one target compile once.
func (b Builder) buildOnce(ctx context.Context, target, title string, compile func(part string) error) error {
	if exists(target) {
		now := time.Now()
		_ = os.Chtimes(target, now, now) // For trim. A read-only cache is not trimmed.
		return nil
	}
	if err := os.MkdirAll(b.Cache, 0o700); err != nil {
		return diskFull(err)
	}
	lock, err := awaitLock(ctx, target+".lock", func() {
		b.Progress.report("waiting for another build of "+title, "")
	})
	if err != nil {
		return fmt.Errorf("waiting for another build of %s: %w", title, err)
	}
	if exists(target) {
		return lock.release()
	}
	err = inPart(target, compile)
	if err == nil {
		err = trim(b.Cache, time.Now())
	}
	return errors.Join(err, lock.release())
}

// inPart fills another folder and renames it to target. It removes what a killed build left behind,
// which is safe because the caller holds the lock.
func inPart(target string, fill func(part string) error) (err error) {
	part := target + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(part)) }()
	if err := os.Mkdir(part, 0o700); err != nil {
		return diskFull(err)
	}
	if err := fill(part); err != nil {
		return err
	}
	return os.Rename(part, target)
}

// plain returns the packages without debug information, which the linker would strip, and without inlining: that
// saves a third of the CPU. Those that nufi consists of, too, are not among them, so that they are compiled once.
func plain() []string {
	return []string{
		"k8s.io/kubernetes/...", "k8s.io/kube-aggregator/...", "k8s.io/cloud-provider/...", "k8s.io/controller-manager/...",
		"k8s.io/kubectl/...", "k8s.io/client-go/.../fake", "sigs.k8s.io/kwok/...",
	}
}

// compile fills the folder with the program and its links.
func (b Builder) compile(ctx context.Context, of assets, dir, version, part string) error {
	compilation := of.compilation(version)
	compilation.Dir, compilation.Out = dir, filepath.Join(part, binary)
	if err := compilation.Run(ctx, b.Progress); err != nil {
		return err
	}
	for _, name := range of.links {
		if err := os.Symlink(binary, filepath.Join(part, string(name))); err != nil {
			return diskFull(err)
		}
	}
	return nil
}

// versionFlags set the version that Kubernetes' programs report.
func versionFlags(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	const set = " -X k8s.io/component-base/version."
	return set + "gitVersion=" + version + set + "gitMajor=" + parts[0] + set + "gitMinor=" + parts[1]
}

// trim removes builds, whole or partial, that have not been used for maxUnused and are
// not running.
func trim(cache string, now time.Time) error {
	var folders []string
	for _, prefix := range []string{controlPlane().name + "-", kubeletAlone().name + "-", addonPrefix} {
		matches, err := filepath.Glob(filepath.Join(cache, prefix+"*"))
		if err != nil {
			return err
		}
		folders = append(folders, matches...)
	}
	for _, folder := range folders {
		info, err := os.Stat(folder)
		if err != nil || !info.IsDir() || now.Sub(info.ModTime()) < maxUnused || inUse(folder) {
			continue
		}
		part := folder + ".part" // A rename hides the folder before its files are removed.
		if err := errors.Join(os.Rename(folder, part), os.RemoveAll(part)); err != nil {
			return fmt.Errorf("removing an old control plane: %w", err)
		}
	}
	return nil
}

// inUse reports whether the folder's program cannot be opened for writing: it is running,
// or another user owns it.
func inUse(folder string) bool {
	file, err := os.OpenFile(filepath.Join(folder, binary), os.O_WRONLY, 0) //nolint:gosec // The cache is the user's own.
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	_ = file.Close()
	return false
}
