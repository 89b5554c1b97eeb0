package main

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/dudaji/nufi/internal/cluster"
)

// nodes are the simulated machines: small enough that a user meets "no free device".
func nodes() []cluster.Node {
	return []cluster.Node{
		node("atom-0", "rebellions.ai/ATOM"),
		node("atom-1", "rebellions.ai/ATOM"),
		node("x330-0", "sapeon.com/snx3"),
		node("gpu-0", "nvidia.com/gpu"),
	}
}

func node(name string, device corev1.ResourceName) cluster.Node {
	return cluster.Node{Name: name, Devices: map[corev1.ResourceName]string{device: "8"}}
}
