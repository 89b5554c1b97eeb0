package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestCDIDirectoryDependsOnTheRuntime(t *testing.T) {
	dir := t.TempDir()
	node := func(kubelet, runtime string) nodeInfo {
		return func(_ context.Context, name string) (corev1.NodeSystemInfo, error) {
			if name != "npu-1" {
				t.Errorf("read node %q", name)
			}
			return corev1.NodeSystemInfo{KubeletVersion: kubelet, ContainerRuntimeVersion: runtime}, nil
		}
	}
	unreachable := func(context.Context, string) (corev1.NodeSystemInfo, error) {
		return corev1.NodeSystemInfo{}, errors.New("connection refused")
	}
	for name, c := range map[string]struct {
		mode, dir string
		info      nodeInfo
		want      string
		wantErr   bool
	}{
		"a runtime with CDI":            {"auto", dir, node("v1.37.2", "containerd://2.1.4"), dir, false},
		"a runtime without":             {"auto", dir, node("v1.37.2", "containerd://1.7.28"), "", false},
		"a directory that is absent":    {"auto", filepath.Join(dir, "none"), node("v1.37.2", "containerd://2.1.4"), "", false},
		"no directory":                  {"auto", "", node("v1.37.2", "containerd://2.1.4"), "", false},
		"an API server that is down":    {"auto", dir, unreachable, "", false},
		"outside of a cluster":          {"auto", dir, nil, "", false},
		"always":                        {"always", dir, nil, dir, false},
		"always with a later directory": {"always", "/later", nil, "/later", false},
		"always without a directory":    {"always", "", nil, "", true},
		"never":                         {"never", dir, node("v1.37.2", "containerd://2.1.4"), "", false},
		"another value":                 {"Auto", dir, nil, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			o := options{cdi: c.mode, cdiDir: c.dir, nodeName: "npu-1"}
			got, err := o.cdiDirectory(t.Context(), c.info)
			if got != c.want || (err != nil) != c.wantErr {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
