package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"

	"github.com/dudaji/nufi/deviceplugin/cdi"
)

// The values of the flag --cdi.
const (
	cdiAuto   = "auto"
	cdiAlways = "always"
	cdiNever  = "never"
)

// nodeTimeout bounds the read of the node: the plugin starts while the API server is down.
const nodeTimeout = 10 * time.Second

var errCDI = errors.New("--cdi must be auto, always or never, and always needs --cdi-dir")

// nodeInfo returns the versions in the node's status.
type nodeInfo func(ctx context.Context, name string) (corev1.NodeSystemInfo, error)

// cdiDirectory returns the directory for the CDI specification, empty to do without CDI. With
// auto that depends on the node's runtime; info is nil outside of a cluster. A runtime that
// ignores CDI starts containers without their devices, so that a doubt decides against it.
func (o options) cdiDirectory(ctx context.Context, info nodeInfo) (string, error) {
	switch {
	case o.cdi == cdiNever, o.cdi == cdiAuto && (o.cdiDir == "" || info == nil):
		return "", nil
	case o.cdi == cdiAlways && o.cdiDir != "":
		return o.cdiDir, nil
	case o.cdi != cdiAuto:
		return "", fmt.Errorf("%w: got %q", errCDI, o.cdi)
	}
	log := logr.FromContextOrDiscard(ctx).WithValues("directory", o.cdiDir)
	if _, err := os.Stat(o.cdiDir); err != nil {
		log.Info("Granted devices without CDI: its directory is not mounted", "error", err.Error())
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	node, err := info(ctx, o.nodeName)
	if err != nil {
		log.Error(err, "Could not read the node, devices are granted without CDI")
		return "", nil
	}
	isDefault := cdi.IsDefault(node.KubeletVersion, node.ContainerRuntimeVersion)
	log.Info("Read the versions that decide on CDI",
		"cdi", isDefault, "kubelet", node.KubeletVersion, "runtime", node.ContainerRuntimeVersion)
	if !isDefault {
		return "", nil
	}
	return o.cdiDir, nil
}
