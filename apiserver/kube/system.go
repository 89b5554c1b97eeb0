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

// reviewsPerSecond suffices for a thousand users, whose results are cached, and bounds the
// calls that invented tokens cause.
const reviewsPerSecond = 100

// SystemClient acts as the server. It can fill caches and review tokens, and is not a
// client.Client, so that it cannot be mistaken for a user's.
type SystemClient struct {
	config *rest.Config
	tokens authenticationv1.TokenReviewInterface
}

// NewSystemClient returns a client with the credentials of config.
func NewSystemClient(config *rest.Config) (*SystemClient, error) {
	reviews := rest.CopyConfig(config)
	reviews.QPS, reviews.Burst = reviewsPerSecond, 2*reviewsPerSecond
	client, err := authenticationv1.NewForConfig(reviews)
	if err != nil {
		return nil, fmt.Errorf("creating the client for token reviews: %w", err)
	}
	return &SystemClient{config: rest.CopyConfig(config), tokens: client.TokenReviews()}, nil
}

// TokenReviews returns the client for auth.NewTokenReview.
func (s *SystemClient) TokenReviews() authenticationv1.TokenReviewInterface { return s.tokens }

// NewCache returns a cache with the server's permissions, whose calls are recorded by
// connectivity. Its content is not authorized for any user.
func (s *SystemClient) NewCache(options cache.Options, connectivity *Connectivity) (cache.Cache, error) {
	created, err := cache.New(s.recordedConfig(connectivity), options)
	if err != nil {
		return nil, fmt.Errorf("creating a cache: %w", err)
	}
	return created, nil
}

// ListerWatcher lists and watches a resource in all namespaces as unstructured objects.
func (s *SystemClient) ListerWatcher(resource schema.GroupVersionResource, connectivity *Connectivity) (toolscache.ListerWatcher, error) {
	client, err := dynamic.NewForConfig(s.recordedConfig(connectivity))
	if err != nil {
		return nil, fmt.Errorf("creating a dynamic client: %w", err)
	}
	objects := client.Resource(resource)
	return toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return objects.List(ctx, options)
		},
		WatchFuncWithContext: objects.Watch,
	}, client), nil
}

func (s *SystemClient) recordedConfig(connectivity *Connectivity) *rest.Config {
	config := rest.CopyConfig(s.config)
	config.Wrap(connectivity.wrap)
	return config
}
