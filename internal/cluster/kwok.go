package cluster

import (
	"bytes"
	"context"
	_ "embed"
	"os"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// The stages that KWOK takes objects through.
var (
	//go:embed stages/nodes.yaml
	nodeStages []byte
	//go:embed stages/gateway.yaml
	gatewayStages []byte
)

// gatewayAPI is where HTTPRoutes are served, if their CRD is installed.
const gatewayAPI = "/apis/gateway.networking.k8s.io/v1"

// prepareKWOK writes KWOK's configuration, which may name only kinds that are served,
// and frees the nodes from the KWOK of an earlier start, whose leases it would await.
func (c *Cluster) prepareKWOK(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return err
	}
	stages := [][]byte{nodeStages}
	switch err := client.RESTClient().Get().AbsPath(gatewayAPI).Do(ctx).Error(); {
	case err == nil:
		stages = append(stages, gatewayStages)
	case !apierrors.IsNotFound(err):
		return err
	}
	if err := os.WriteFile(stagesPath(c.dir), bytes.Join(stages, []byte("---\n")), 0o600); err != nil {
		return full(err)
	}
	leases := client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	return leases.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
}
