package kube

import (
	"fmt"

	"k8s.io/client-go/kubernetes"
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/auth"
)

// UserClient acts as one user, whose permissions Kubernetes enforces on every call. It reads
// from the API server, never from a cache.
type UserClient struct {
	client.Client

	user    auth.User
	config  *rest.Config
	access  authorizationv1.SelfSubjectAccessReviewInterface
	reviews *reviews
}

// User returns the client's user.
func (c *UserClient) User() auth.User { return c.user }

// Config returns the configuration for a client of another kind. It contains no credentials:
// its transport replaces the identity of every request by the user's.
func (c *UserClient) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Kubernetes returns a new typed client of the user, for logs, which client.Client lacks.
func (c *UserClient) Kubernetes() (kubernetes.Interface, error) {
	typed, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return nil, fmt.Errorf("creating a client: %w", err)
	}
	return typed, nil
}
