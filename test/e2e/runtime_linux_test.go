package e2e

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/dudaji/nufi/internal/cluster"
)

const (
	serverImage = "nufi.test/server:1"
	pluginImage = "nufi.test/deviceplugin:1"
	pauseImage  = "nufi.test/pause:1"
)

// containerdConfig uses the native snapshotter, because overlays cannot be nested in a container, and
// restricts OOM scores, which cannot be lowered without CAP_SYS_RESOURCE.
const containerdConfig = `
version = 2
root = "%[1]s/containerd/root"
state = "%[1]s/containerd/state"
[grpc]
  address = "%[1]s/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "%[2]s"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "%[3]s"
    conf_dir = "%[1]s/cni"
`

// podNetwork connects each pod with the node by a pair of interfaces.
const podNetwork = `{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [{
    "type": "ptp",
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}
  }]
}`

// startRuntime starts containerd and imports the images.
func (n *node) startRuntime() {
	n.Helper()
	n.write("cni/pods.conflist", podNetwork)
	config := n.write("containerd.toml", fmt.Sprintf(containerdConfig, n.folder, pauseImage, cniPlugins))
	path, err := exec.LookPath(containerd)
	if err != nil {
		n.Fatal(err)
	}
	if err := n.cluster.Launch(cluster.Component(containerd), path, "--config="+config); err != nil {
		n.Fatal(err)
	}
	n.await(containerd, "containerd", func(ctx context.Context) error { return n.ctr(ctx, "version") })
	n.importImage(serverImage, "server")
	n.importImage(pluginImage, devicePlugin)
	n.importImage(pauseImage, "server", "pause")
}

func (n *node) importImage(name, program string, arguments ...string) {
	n.Helper()
	archive := n.path("image.tar")
	if err := writeImage(archive, name, n.path("bin/"+program), arguments...); err != nil {
		n.Fatal(err)
	}
	if err := n.ctr(n.Context(), "--namespace=k8s.io", "images", "import", archive); err != nil {
		n.Fatal(err)
	}
}

func (n *node) ctr(ctx context.Context, args ...string) error {
	return run(ctx, "ctr", append([]string{"--address=" + n.path("containerd.sock")}, args...)...)
}
