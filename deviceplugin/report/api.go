package report

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// API makes the calls of the API server that reports need. client-go's typed client
// has the types of every API group, which would double the memory of a program that runs
// on every node.
type API struct {
	client rest.Interface
}

// NewAPI returns an API of a connection.
func NewAPI(config *rest.Config) (*API, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("registering the core types: %w", err)
	}
	own := rest.CopyConfig(config)
	own.APIPath, own.GroupVersion = "/api", &corev1.SchemeGroupVersion
	own.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(own)
	if err != nil {
		return nil, fmt.Errorf("creating a client of the API server: %w", err)
	}
	return &API{client: client}, nil
}

// NodeInfo returns the versions in a node's status.
func (a *API) NodeInfo(ctx context.Context, name string) (corev1.NodeSystemInfo, error) {
	node, err := a.node(ctx, name)
	if err != nil {
		return corev1.NodeSystemInfo{}, fmt.Errorf("getting node %s: %w", name, err)
	}
	return node.Status.NodeInfo, nil
}

func (a *API) node(ctx context.Context, name string) (*corev1.Node, error) {
	node := &corev1.Node{}
	err := a.client.Get().Resource("nodes").Name(name).Do(ctx).Into(node)
	return node, err
}

func (a *API) patchNodeStatus(ctx context.Context, name string, patch []byte) error {
	return a.client.Patch(types.StrategicMergePatchType).Resource("nodes").Name(name).SubResource("status").Body(patch).Do(ctx).Error()
}

func (a *API) createEvent(ctx context.Context, event *corev1.Event) error {
	return a.client.Post().Namespace(event.Namespace).Resource("events").Body(event).Do(ctx).Error()
}
