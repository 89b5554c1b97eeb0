package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/dudaji/nufi/internal/cluster"
	"github.com/dudaji/nufi/test/harness"
)

const (
	// folderVariable names the folder of the test that runs in the namespaces.
	folderVariable = "NUFI_E2E_FOLDER"
	// cniPlugins is Debian's folder of CNI plugins.
	cniPlugins = "/usr/lib/cni"
	// nodeAddress is an address for documentation, because a node's address cannot be a loopback
	// address.
	nodeAddress = "192.0.2.1"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(folderVariable) != "" || testing.Short() || missingRequirements() != "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := runIsolated(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// missingRequirements lists what a node requires and this machine does not have.
func missingRequirements() string {
	var missing []string
	if os.Geteuid() != 0 {
		missing = append(missing, "root")
	}
	for _, program := range []string{
		"containerd", "ctr", "runc", "ip",
		cniPlugins + "/ptp", cniPlugins + "/host-local", cniPlugins + "/loopback",
	} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	return strings.Join(missing, ", ")
}

// runIsolated compiles the programs, which may need the network, runs the tests in separate
// namespaces, and removes the files.
func runIsolated(ctx context.Context) (err error) {
	folder, err := os.MkdirTemp("", "nufi-e2e-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	assets, err := compile(ctx, folder)
	if err != nil {
		return err
	}
	group, err := newControlGroup(filepath.Base(folder))
	defer func() { err = errors.Join(err, group.remove()) }()
	if err != nil {
		return err
	}
	return runInNamespaces(ctx, append(os.Environ(), folderVariable+"="+folder, "KUBEBUILDER_ASSETS="+assets))
}

// compile compiles the programs of this repository to bin in folder, and returns the folder of the
// control plane's programs.
func compile(ctx context.Context, folder string) (string, error) {
	builder, err := cluster.NewBuilder(harness.Progress(os.Stderr))
	if err != nil {
		return "", err
	}
	assets, err := builder.Assets(ctx)
	if err != nil {
		return "", err
	}
	root, err := cluster.Checkout(".")
	if err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(folder, "bin")+"/",
		"./cmd/nufi-apiserver", "./cmd/nufi-controller", "./cmd/nufi-deviceplugin", "./test/e2e/server")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0") // A container has no libraries.
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compiling: %w\n%s", err, out)
	}
	kubelet, err := builder.Kubelet(ctx)
	if err != nil {
		return "", err
	}
	return assets, os.Symlink(kubelet, filepath.Join(folder, "bin", kubeletName))
}

// setUp prepares the namespaces. A kubelet sets six kernel parameters, which are not namespaced: files
// are mounted over them.
const setUp = `
mount --make-rprivate /
mount -t proc none /proc
mount -t tmpfs none /run
mkdir /run/upper /run/work
mount -t overlay none -o lowerdir=/var,upperdir=/run/upper,workdir=/run/work /var
for parameter in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  file=/run/$(echo $parameter | tr / .)
  cat /proc/sys/$parameter > $file
  mount --bind $file /proc/sys/$parameter
done
ip link set lo up
ip address add ` + nodeAddress + `/32 dev lo
exec "$@"
`

// runInNamespaces runs this binary as the first process of new namespaces. When it or this process
// ends, the kernel ends all other processes in them.
func runInNamespaces(ctx context.Context, environment []string) error {
	runtime.LockOSThread() // Pdeathsig is sent when this thread ends.
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	again := exec.CommandContext(ctx, "sh", append([]string{"-ec", setUp, "sh", self}, os.Args[1:]...)...)
	again.Env, again.Stdout, again.Stderr = environment, os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
	}
	return again.Run()
}
