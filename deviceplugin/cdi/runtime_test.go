package cdi_test

import (
	"testing"

	"github.com/dudaji/nufi/deviceplugin/cdi"
)

func TestRuntimesWithCDIByDefault(t *testing.T) {
	for _, c := range []struct {
		kubelet, runtime string
		want             bool
	}{
		{"v1.37.2", "containerd://2.0.0", true},
		{"v1.33.1+k3s1", "containerd://2.0.4-k3s2", true},
		{"v1.37.2", "containerd://v2.3.0-rc.1", true},
		{"v1.31.0", "cri-o://1.28.0", true},
		{"v1.37.2", "containerd://1.7.28", false},
		{"v1.37.2", "containerd://1.6.20~ds1", false},
		{"v1.30.9", "containerd://2.0.0", false},
		{"v1.31.0", "cri-o://1.27.8", false},
		{"v1.37.2", "docker://28.1.1", false},
		{"v1.37.2", "containerd://Unknown", false},
		{"", "containerd://2.0.0", false},
		{"v1.37.2", "", false},
	} {
		if got := cdi.IsDefault(c.kubelet, c.runtime); got != c.want {
			t.Errorf("kubelet %s with %s: got %t", c.kubelet, c.runtime, got)
		}
	}
}
