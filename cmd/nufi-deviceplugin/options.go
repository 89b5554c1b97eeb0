package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/dudaji/nufi/deviceplugin/report"
)

// options are the command line's. The defaults are those of a pod with the host's sys
// and dev below /host.
type options struct {
	devices      string
	hostRoot     string
	hostPrefix   string
	kubeletDir   string
	podResources string
	cdiDir       string
	listen       string
	nodeName     string
	kubeconfig   string
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("nufi-deviceplugin", flag.ContinueOnError)
	flags.StringVar(&o.devices, "devices", "", "description `file` of the accelerator; the X330's own if empty")
	flags.StringVar(&o.hostRoot, "host-root", "/host", "`directory` that holds the host's sys and dev")
	flags.StringVar(&o.hostPrefix, "host-prefix", "", "the same `directory` as the container runtime sees it; empty if it is the host's root")
	flags.StringVar(&o.kubeletDir, "kubelet-dir", "/var/lib/kubelet/device-plugins", "the kubelet's device plugin `directory`")
	flags.StringVar(&o.podResources, "pod-resources", "/var/lib/kubelet/pod-resources/kubelet.sock", "the kubelet's pod-resources `socket`; none if empty")
	flags.StringVar(&o.cdiDir, "cdi-dir", "", "`directory` of the runtime's CDI specifications; no CDI if empty")
	flags.StringVar(&o.listen, "listen", ":9406", "`address` of /metrics, /healthz and /readyz")
	flags.StringVar(&o.nodeName, "node-name", os.Getenv("NODE_NAME"), "the node's `name`; NODE_NAME or the host's name if empty")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "`file` to reach the API server with; the pod's own account if empty")
	return flags
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := o.flags()
	flags.SetOutput(stderr)
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.nodeName == "" {
		name, err := os.Hostname()
		if err != nil {
			return o, fmt.Errorf("finding the node's name: %w", err)
		}
		o.nodeName = name
	}
	return o, nil
}

// api returns nil outside of a cluster: the plugin then reports nothing, and serves
// all the same.
func (o options) api() (*report.API, error) {
	config, err := o.restConfig()
	if errors.Is(err, rest.ErrNotInCluster) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding the API server: %w", err)
	}
	config.UserAgent = "nufi-deviceplugin"
	return report.NewAPI(config)
}

func (o options) restConfig() (*rest.Config, error) {
	if o.kubeconfig != "" {
		return clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	}
	return rest.InClusterConfig()
}
