package cluster

import (
	"fmt"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

const (
	// server is the pair that etcd and the API server serve with, and that the API
	// server is known to etcd by.
	server = "server"
	// serviceAccounts is the pair whose key signs the tokens of service accounts.
	serviceAccounts = "service-accounts"
	// kubeletClient is the pair that the API server is known to kubelets by, for logs.
	kubeletClient = "kubelet-client"
)

// issueCredentials writes the certificates and kubeconfigs of a cluster whose API
// server listens on port, and returns the administrator's configuration.
func issueCredentials(dir string, port int, now time.Time) (*rest.Config, error) {
	ca, root, err := newAuthority(now)
	if err != nil {
		return nil, fmt.Errorf("issuing the authority: %w", err)
	}
	if err := writePair(dir, "ca", root); err != nil {
		return nil, err
	}
	for name, group := range map[string]string{server: "nufi", serviceAccounts: "nufi", kubeletClient: "system:masters"} {
		issued, err := ca.issue(name, group)
		if err != nil {
			return nil, fmt.Errorf("issuing %s: %w", name, err)
		}
		if err := writePair(dir, name, issued); err != nil {
			return nil, err
		}
	}
	users := []struct{ file, user, group string }{
		{string(ControllerManager), "system:kube-controller-manager", "nufi"},
		{string(Scheduler), "system:kube-scheduler", "nufi"},
		{"", "admin", "system:masters"},
	}
	for _, u := range users {
		identity, err := ca.issue(u.user, u.group)
		if err != nil {
			return nil, fmt.Errorf("issuing %s: %w", u.user, err)
		}
		config := kubeconfig(url(port), root.cert, u.user, identity)
		if err := clientcmd.WriteToFile(config, kubeconfigPath(dir, u.file)); err != nil {
			return nil, full(err)
		}
	}
	return clientcmd.BuildConfigFromFlags("", kubeconfigPath(dir, ""))
}

func kubeconfig(server string, root []byte, user string, p pair) api.Config {
	config := api.NewConfig()
	config.Clusters["nufi"] = &api.Cluster{Server: server, CertificateAuthorityData: root}
	config.AuthInfos[user] = &api.AuthInfo{ClientCertificateData: p.cert, ClientKeyData: p.key}
	config.Contexts["nufi"] = &api.Context{Cluster: "nufi", AuthInfo: user}
	config.CurrentContext = "nufi"
	return *config
}
