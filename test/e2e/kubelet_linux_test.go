package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dudaji/nufi/internal/cluster"
)

// kubeletConfig accepts version 1 of cgroups, and reports a change of devices within a second. Clients
// of the logs need a certificate of the cluster and a permission.
const kubeletConfig = `
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %[3]s
authentication: {x509: {clientCAFile: %[4]s}}
containerRuntimeEndpoint: unix://%[1]s/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /%[2]s
failCgroupV1: false
failSwapOn: false
evictionHard: {}
localStorageCapacityIsolation: false
makeIPTablesUtilChains: false
nodeStatusUpdateFrequency: 1s
podLogsDir: %[1]s/pods
resolvConf: ""
volumePluginDir: %[1]s/volume-plugins
`

const kubeletName = "kubelet"

// kubelet is the kubelet's process, which a test restarts.
type kubelet struct {
	command *exec.Cmd
	ended   chan struct{}
}

// startKubelet starts a kubelet with its default folders: that of device plugins is not configurable.
func (n *node) startKubelet() {
	n.Helper()
	config := n.write("kubelet.yaml", fmt.Sprintf(kubeletConfig, n.folder, filepath.Base(n.folder), nodeAddress, n.authority()))
	log, err := os.OpenFile(n.cluster.LogPath(cluster.Component(kubeletName)), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		n.Fatal(err)
	}
	defer func() { _ = log.Close() }() // The process has its own.
	k := &kubelet{ended: make(chan struct{})}
	k.command = exec.Command(n.path("bin/"+kubeletName),
		"--config="+config, "--kubeconfig="+n.cluster.KubeconfigPath(),
		"--hostname-override="+nodeName, "--node-ip="+nodeAddress)
	k.command.Stdout, k.command.Stderr = log, log
	if err := k.command.Start(); err != nil {
		n.Fatal(err)
	}
	go func() {
		_ = k.command.Wait() // A signal ends it, which is not an error.
		close(k.ended)
	}()
	n.kubelet = k
}

// restartKubelet stops the kubelet as systemd does, and starts a new one.
func (n *node) restartKubelet() {
	n.Helper()
	if err := n.kubelet.command.Process.Signal(syscall.SIGTERM); err != nil {
		n.Fatal(err)
	}
	select {
	case <-n.kubelet.ended:
	case <-time.After(timeout):
		n.Fatalf("the kubelet does not end:\n%s", n.tail(kubeletName))
	}
	n.startKubelet()
}
