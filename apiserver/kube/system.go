package kube

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	authenticationv1 "k8s.io/client-go/kubernetes/typed/authentication/v1"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// reviewsPerSecond is more than a thousand people cause, whose answers are kept for seconds,
// and less than whoever sends one made-up token after the other would like.
const reviewsPerSecond = 100

// SystemClient acts for the server itself. It is no client.Client, so that nothing takes
// it for a person's, and can do two things: fill caches and review tokens.
type SystemClient struct {
	config *rest.Config
	tokens authenticationv1.TokenReviewInterface
}

// NewSystemClient returns the server's own access with the credentials of config.
func NewSystemClient(config *rest.Config) (*SystemClient, error) {
	reviews := rest.CopyConfig(config)
	reviews.QPS, reviews.Burst = reviewsPerSecond, 2*reviewsPerSecond
	client, err := authenticationv1.NewForConfig(reviews)
	if err != nil {
		return nil, fmt.Errorf("making the client for token reviews: %w", err)
	}
	return &SystemClient{config: rest.CopyConfig(config), tokens: client.TokenReviews()}, nil
}

// TokenReviews returns what auth.NewTokenReview asks.
func (s *SystemClient) TokenReviews() authenticationv1.TokenReviewInterface { return s.tokens }

// NewCache returns a cache that is filled with what the server may list and watch. The
// contact tells how fresh it is. What is read from it has been allowed to nobody yet.
func (s *SystemClient) NewCache(options cache.Options, contact *Connectivity) (cache.Cache, error) {
	filled, err := cache.New(s.heard(contact), options)
	if err != nil {
		return nil, fmt.Errorf("making a cache: %w", err)
	}
	return filled, nil
}

// Source returns what fills a store with a resource of all namespaces, as it is: for a
// store that NewCache does not have.
func (s *SystemClient) Source(resource schema.GroupVersionResource, contact *Connectivity) (toolscache.ListerWatcher, error) {
	made, err := dynamic.NewForConfig(s.heard(contact))
	if err != nil {
		return nil, fmt.Errorf("making a source: %w", err)
	}
	objects := made.Resource(resource)
	return toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return objects.List(ctx, options)
		},
		WatchFuncWithContext: objects.Watch,
	}, made), nil
}

// heard is the server's own access, with the contact listening.
func (s *SystemClient) heard(contact *Connectivity) *rest.Config {
	config := rest.CopyConfig(s.config)
	config.Wrap(contact.wrap)
	return config
}
