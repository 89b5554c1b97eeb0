package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/dudaji/nufi/cmd/internal/program"
	"github.com/dudaji/nufi/deviceplugin/cdi"
	"github.com/dudaji/nufi/deviceplugin/report"
)

// options are the flags. The defaults fit a pod with the host's sys and dev below /host.
type options struct {
	program.Flags

	devices      string
	check        string
	hostRoot     string
	hostPrefix   string
	kubeletDir   string
	podResources string
	cdi          string
	cdiDir       string
	nodeName     string
}

func newCommand(run func(context.Context, options) error) *cobra.Command {
	var o options
	command := &cobra.Command{
		Use:           "nufi-deviceplugin",
		Short:         "Offer a node's accelerators to pods, and report their health",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(command *cobra.Command, _ []string) error {
			if o.check != "" {
				return check(command.Context(), command.OutOrStdout(), o)
			}
			if err := o.nameNode(); err != nil {
				return err
			}
			return run(command.Context(), o)
		},
	}
	set := command.Flags()
	set.StringVar(&o.devices, "devices", "", "description `file` of the accelerator; if empty, that of the X330")
	set.StringVar(&o.check, "check", "", "description `file` to check: print the functions and devices that it finds, and exit")
	set.StringVar(&o.hostRoot, "host-root", "/host", "`directory` that holds the host's sys and dev")
	set.StringVar(&o.hostPrefix, "host-prefix", "", "path of --host-root as the container runtime sees it, a `directory`; if empty, the root")
	set.StringVar(&o.kubeletDir, "kubelet-dir", "/var/lib/kubelet/device-plugins", "the kubelet's device plugin `directory`")
	set.StringVar(&o.podResources, "pod-resources", "/var/lib/kubelet/pod-resources/kubelet.sock", "the kubelet's pod-resources `socket`; if empty, it is not read")
	set.StringVar(&o.cdi, "cdi", cdiAuto, "whether to grant devices by CDI name: always, never, or auto: if the node's runtime reads CDI by default")
	set.StringVar(&o.cdiDir, "cdi-dir", cdi.DefaultDir, "`directory` of the runtime's CDI specifications")
	o.Add(set, ":9406", "/metrics, /healthz and /readyz")
	set.StringVar(&o.nodeName, "node-name", os.Getenv("NODE_NAME"), "the node's `name`; if empty, NODE_NAME or the host's name")
	return command
}

// nameNode defaults the node's name to the host's.
func (o *options) nameNode() error {
	if o.nodeName != "" {
		return nil
	}
	name, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("finding the node's name: %w", err)
	}
	o.nodeName = name
	return nil
}

// api returns nil outside of a cluster: the plugin then serves without reports.
func (o options) api() (*report.API, error) {
	config, err := o.RESTConfig()
	if errors.Is(err, program.ErrNoCluster) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	config.UserAgent = "nufi-deviceplugin"
	return report.NewAPI(config)
}
