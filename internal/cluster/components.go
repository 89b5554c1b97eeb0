package cluster

import (
	"path/filepath"
	"strconv"
)

// Component is a program of the control plane. Its value is the name of the binary.
type Component string

// The components. Etcd and APIServer run in every cluster, the others if Options.Run lists them.
const (
	Etcd              Component = "etcd"
	APIServer         Component = "kube-apiserver"
	ControllerManager Component = "kube-controller-manager"
	Scheduler         Component = "kube-scheduler"
	KWOK              Component = "kwok"
)

// kubectl is in the same folder but is not a component: it does not keep running. The kubelet is not one
// either: KWOK simulates the nodes.
const (
	kubectl = "kubectl"
	kubelet = "kubelet"
)

// program returns the command line, environment and log of a component.
func (c *Cluster) program(component Component) program {
	p := program{
		component: component,
		path:      filepath.Join(c.assets, string(component)),
		log:       logPath(c.dir, component),
	}
	switch component {
	case Etcd:
		p.args = etcdArgs(c.dir, c.ports)
	case APIServer:
		p.args = apiServerArgs(c.dir, c.ports, c.runs(ControllerManager))
	case ControllerManager:
		p.args = controllerManagerArgs(c.dir)
	case Scheduler:
		p.args = schedulerArgs(c.dir)
	case KWOK:
		p.args = kwokArgs(c.dir)
		p.env = []string{"KWOK_WORKDIR=" + filepath.Dir(stagesPath(c.dir))} // Not the user's ~/.kwok.
	}
	return p
}

func etcdArgs(dir string, p ports) []string {
	return []string{
		"--data-dir=" + dataPath(dir),
		"--listen-client-urls=" + url(p.etcd), "--advertise-client-urls=" + url(p.etcd),
		"--listen-peer-urls=" + url(p.peer), "--initial-advertise-peer-urls=" + url(p.peer),
		"--initial-cluster=default=" + url(p.peer),
		"--cert-file=" + certPath(dir, server), "--key-file=" + keyPath(dir, server),
		"--trusted-ca-file=" + certPath(dir, "ca"), "--client-cert-auth",
		"--peer-cert-file=" + certPath(dir, server), "--peer-key-file=" + keyPath(dir, server),
		"--peer-trusted-ca-file=" + certPath(dir, "ca"), "--peer-client-cert-auth",
		"--unsafe-no-fsync", // Faster writes; a crash of the machine may lose the cluster's data.
	}
}

func apiServerArgs(dir string, p ports, withControllers bool) []string {
	args := []string{
		"--etcd-servers=" + url(p.etcd), "--etcd-cafile=" + certPath(dir, "ca"),
		"--etcd-certfile=" + certPath(dir, server), "--etcd-keyfile=" + keyPath(dir, server),
		"--bind-address=" + loopback, "--advertise-address=" + loopback,
		"--secure-port=" + strconv.Itoa(p.apiServer),
		"--tls-cert-file=" + certPath(dir, server), "--tls-private-key-file=" + keyPath(dir, server),
		"--client-ca-file=" + certPath(dir, "ca"),
		"--kubelet-client-certificate=" + certPath(dir, kubeletClient), "--kubelet-client-key=" + keyPath(dir, kubeletClient),
		"--kubelet-preferred-address-types=InternalIP", // Node names are not in DNS.
		"--authorization-mode=Node,RBAC", "--allow-privileged=true",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + keyPath(dir, serviceAccounts),
		"--service-account-signing-key-file=" + keyPath(dir, serviceAccounts),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--endpoint-reconciler-type=none", // Validation rejects an endpoint on loopback.
	}
	if !withControllers {
		// The plugin requires service accounts, which the controller-manager creates.
		args = append(args, "--disable-admission-plugins=ServiceAccount")
	}
	return args
}

func controllerManagerArgs(dir string) []string {
	return append(clientArgs(dir, ControllerManager),
		"--service-account-private-key-file="+keyPath(dir, serviceAccounts),
		"--root-ca-file="+certPath(dir, "ca"),
		"--use-service-account-credentials=true",
		"--horizontal-pod-autoscaler-sync-period=1s", // Tests wait for it.
	)
}

func schedulerArgs(dir string) []string { return clientArgs(dir, Scheduler) }

// clientArgs are for a component with one instance that does not serve. The rate suits
// tests with a thousand deployments.
func clientArgs(dir string, component Component) []string {
	return []string{
		"--kubeconfig=" + kubeconfigPath(dir, string(component)),
		"--leader-elect=false", "--secure-port=0",
		"--kube-api-qps=200", "--kube-api-burst=400",
	}
}

func kwokArgs(dir string) []string {
	return []string{
		"--kubeconfig=" + kubeconfigPath(dir, ""),
		"--config=" + stagesPath(dir),
		"--manage-nodes-with-annotation-selector=" + nodeAnnotation + "=" + nodeAnnotationValue,
		"--node-ip=" + loopback, "--cidr=10.244.0.0/16",
		"--node-lease-duration-seconds=40",
	}
}
