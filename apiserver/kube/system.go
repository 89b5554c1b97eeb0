package kube

import (
	"fmt"
	"time"

	authenticationv1 "k8s.io/client-go/kubernetes/typed/authentication/v1"
	"k8s.io/client-go/rest"
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

// NewSystem returns the server's own access with the credentials of config.
func NewSystem(config *rest.Config) (*SystemClient, error) {
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

// NewCache returns a cache that is filled with what the server may list and watch, and how
// fresh it is. What is read from it has been allowed to nobody yet.
func (s *SystemClient) NewCache(options cache.Options, clock func() time.Time) (cache.Cache, *Contact, error) {
	contact, config := newContact(clock), rest.CopyConfig(s.config)
	config.Wrap(contact.wrap)
	filled, err := cache.New(config, options)
	if err != nil {
		return nil, nil, fmt.Errorf("making a cache: %w", err)
	}
	return filled, contact, nil
}
