package kube

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/dudaji/nufi/apiserver/auth"
)

const (
	reviewTTL      = 5 * time.Second // how long a result is used
	reviewMaxStale = 5 * time.Minute // the same while Kubernetes' API server is unreachable
	reviewTimeout  = 5 * time.Second
	reviewBackoff  = time.Second // between a user's failed reviews
	maxReviews     = 20000       // cached; about 200 bytes each
)

// reviews caches the results of access reviews.
type reviews struct {
	cache   *cache.LRUExpireCache
	clock   func() time.Time
	flights singleflight.Group
}

func newReviews() *reviews {
	return &reviews{cache: cache.NewLRUExpireCache(maxReviews), clock: time.Now}
}

// review is the result of an access review.
type review struct {
	allowed bool
	time    time.Time
}

func (r *reviews) get(key any) (review, bool) {
	cached, ok := r.cache.Get(key)
	if !ok {
		return review{}, false
	}
	return cached.(review), true
}

func (r *reviews) add(key any, allowed bool) {
	r.cache.Add(key, review{allowed, r.clock()}, reviewMaxStale)
}

// backOff makes the user's reviews fail with err for a moment. Other users are not affected.
func (r *reviews) backOff(user auth.User, err error) { r.cache.Add(user.Key(), err, reviewBackoff) }

func (r *reviews) backOffError(user auth.User) error {
	cached, _ := r.cache.Get(user.Key())
	err, _ := cached.(error)
	return err
}

// reviewKey is a hash: the names in a request are of any length.
func reviewKey(user auth.User, attributes *authorizationv1.ResourceAttributes) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%x %q %q %q %q %q %q", user.Key(),
		attributes.Verb, attributes.Group, attributes.Resource, attributes.Subresource, attributes.Namespace, attributes.Name))
}

// Can reports whether the user may use verb on a resource of an API group, such as
// "npudeploys" or "npudeploys/scale" of "dudaji.com". An empty namespace means all namespaces,
// or a cluster-scoped resource; an empty name means any. The result may be five seconds old,
// or five minutes while Kubernetes' API server is unreachable.
func (c *UserClient) Can(ctx context.Context, verb, group, resource, namespace, name string) (bool, error) {
	return c.CanWithin(ctx, reviewTTL, verb, group, resource, namespace, name)
}

// CanWithin is Can with a result that may be as old as maxAge, which is at most five minutes.
func (c *UserClient) CanWithin(ctx context.Context, maxAge time.Duration, verb, group, resource, namespace, name string) (bool, error) {
	attributes := attributesOf(verb, group, resource, namespace, name)
	key := reviewKey(c.user, attributes)
	last, cached := c.reviews.get(key)
	if cached && c.reviews.clock().Sub(last.time) < maxAge {
		return last.allowed, nil
	}
	allowed, err := c.sharedReview(ctx, key, attributes)
	switch {
	case err == nil:
		return allowed, nil
	case cached && Unreachable(err) && ctx.Err() == nil:
		return last.allowed, nil
	}
	return false, fmt.Errorf("reviewing access: %w", err)
}

// sharedReview makes one review for all requests that wait for it: when a result expires, many do.
// It continues if one of them ends.
func (c *UserClient) sharedReview(ctx context.Context, key [sha256.Size]byte, attributes *authorizationv1.ResourceAttributes) (bool, error) {
	flight := c.reviews.flights.DoChan(string(key[:]), func() (any, error) {
		allowed, err := c.review(WithWarnings(context.WithoutCancel(ctx), func(string) {}), attributes)
		if err == nil {
			c.reviews.add(key, allowed)
		}
		return allowed, err
	})
	select {
	case result := <-flight:
		allowed, _ := result.Val.(bool)
		return allowed, result.Err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// review backs off after a failure: a list of many namespaces would time out for each.
func (c *UserClient) review(ctx context.Context, attributes *authorizationv1.ResourceAttributes) (bool, error) {
	if err := c.reviews.backOffError(c.user); err != nil {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	request := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes}}
	reviewed, err := c.access.Create(limited, request, metav1.CreateOptions{})
	switch {
	case err == nil:
		return reviewed.Status.Allowed, nil
	case Unreachable(err) && ctx.Err() == nil:
		c.reviews.backOff(c.user, err)
	}
	return false, err
}

// RecordAllowed caches that Kubernetes has allowed a call of the user, as if by a review.
func (c *UserClient) RecordAllowed(verb, group, resource, namespace, name string) {
	c.reviews.add(reviewKey(c.user, attributesOf(verb, group, resource, namespace, name)), true)
}

func attributesOf(verb, group, resource, namespace, name string) *authorizationv1.ResourceAttributes {
	resource, subresource, _ := strings.Cut(resource, "/")
	return &authorizationv1.ResourceAttributes{
		Verb: verb, Group: group, Resource: resource, Subresource: subresource, Namespace: namespace, Name: name,
	}
}
