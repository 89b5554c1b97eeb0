package kube

import (
	"fmt"

	"k8s.io/client-go/kubernetes"
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/auth"
)

// UserClient acts as one person: everything that it reads and writes, Kubernetes allows
// or refuses that person. It reads from the API server, never from a cache.
type UserClient struct {
	client.Client

	person  auth.User
	config  *rest.Config
	access  authorizationv1.SelfSubjectAccessReviewInterface
	reviews *reviews
}

// Person returns whose client this is.
func (c *UserClient) User() auth.User { return c.person }

// Config returns the person's way to the API server for a client of another kind. There
// are no credentials in it: they are in its transport, which acts as the person whatever
// is added to the config.
func (c *UserClient) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Kubernetes returns the person's typed client, for what client.Client has not: logs. It
// is made anew each time.
func (c *UserClient) Kubernetes() (kubernetes.Interface, error) {
	typed, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return typed, nil
}
