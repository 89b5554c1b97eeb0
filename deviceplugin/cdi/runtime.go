package cdi

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
)

// DefaultDir is a directory that containerd and CRI-O read by default.
const DefaultDir = "/var/run/cdi"

// oldestRuntimes are the first versions that resolve CDI names without configuration.
// containerd 1.7 has enable_cdi = false, and then starts containers without their devices
// and without an error (containerd #9621). CRI-O 1.23 to 1.27 read annotations alone.
func oldestRuntimes() map[string]string {
	return map[string]string{"containerd": "2.0", "cri-o": "1.28"}
}

// oldestKubelet is the first version without the feature gate DevicePluginCDIDevices.
const oldestKubelet = "1.31"

// IsDefault reports whether a kubelet passes CDI names, and a runtime resolves them, without
// configuration. The versions are in the format of the node's status: "v1.37.2" and
// "containerd://2.1.4".
func IsDefault(kubelet, runtime string) bool {
	name, release, _ := strings.Cut(runtime, "://")
	oldest, ok := oldestRuntimes()[name]
	return ok && isAtLeast(kubelet, oldestKubelet) && isAtLeast(release, oldest)
}

// isAtLeast is false for a version that cannot be read.
func isAtLeast(release, oldest string) bool {
	v, err := version.ParseGeneric(release)
	return err == nil && v.AtLeast(version.MustParseGeneric(oldest))
}
