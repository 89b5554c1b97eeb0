package kube

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/dudaji/nufi/apiserver/auth"
)

// How long an answer holds, how long while Kubernetes' API server is away and none can be
// had, how long that may take to turn out and is then believed, and how many are kept:
// about 200 bytes each.
const (
	reviewTTL  = 5 * time.Second
	reviewKept = 5 * time.Minute
	reviewTime = 5 * time.Second
	reviewRest = time.Second
	maxReviews = 20000
)

// reviews remembers what persons may do.
type reviews struct {
	answers *cache.LRUExpireCache
	clock   func() time.Time
}

func newReviews() *reviews { return &reviews{cache.NewLRUExpireCache(maxReviews), time.Now} }

// review is an answer, and when it was given.
type review struct {
	allowed bool
	at      time.Time
}

func (r *reviews) last(key any) (review, bool) {
	found, known := r.answers.Get(key)
	if !known {
		return review{}, false
	}
	return found.(review), true // only note adds
}

func (r *reviews) note(key any, allowed bool) {
	r.answers.Add(key, review{allowed, r.clock()}, reviewKept)
}

// lose has the person's questions fail by err for a moment. It is theirs alone: who
// overloads the way to Kubernetes is not to take it from others.
func (r *reviews) lose(person auth.User, err error) { r.answers.Add(person.Key(), err, reviewRest) }

func (r *reviews) lost(person auth.User) error {
	found, _ := r.answers.Get(person.Key())
	err, _ := found.(error)
	return err
}

// question is what a person asks to do, hashed: whoever asks for long names fills no memory.
func question(person auth.User, asked *authorizationv1.ResourceAttributes) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%x %q %q %q %q %q %q",
		person.Key(), asked.Verb, asked.Group, asked.Resource, asked.Subresource, asked.Namespace, asked.Name))
}

// Can says whether the person may do verb with a resource of an API group, such as
// "npudeploys" or "npudeploys/scale" of "dudaji.com". An empty namespace means all of
// them, or a resource without, and an empty name means any. An answer may be five seconds
// old, or five minutes while Kubernetes' API server is away.
func (c *UserClient) Can(ctx context.Context, verb, group, resource, namespace, name string) (bool, error) {
	asked := attributes(verb, group, resource, namespace, name)
	key := question(c.person, asked)
	last, known := c.reviews.last(key)
	if known && c.reviews.clock().Sub(last.at) < reviewTTL {
		return last.allowed, nil
	}
	allowed, err := c.review(ctx, asked)
	switch {
	case err == nil:
		c.reviews.note(key, allowed)
		return allowed, nil
	case known && Unreachable(err) && ctx.Err() == nil:
		return last.allowed, nil
	}
	return false, fmt.Errorf("reviewing access: %w", err)
}

// review asks Kubernetes, unless that has just failed on its way: in a list of many
// namespaces, each would wait in vain.
func (c *UserClient) review(ctx context.Context, asked *authorizationv1.ResourceAttributes) (bool, error) {
	if err := c.reviews.lost(c.person); err != nil {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, reviewTime)
	defer cancel()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: asked}}
	answer, err := c.access.Create(limited, review, metav1.CreateOptions{})
	switch {
	case err == nil:
		return answer.Status.Allowed, nil
	case Unreachable(err) && ctx.Err() == nil:
		c.reviews.lose(c.person, err)
	}
	return false, err
}

// Did notes that Kubernetes has let the person do it: that is as good as an answer.
func (c *UserClient) RecordAllowed(verb, group, resource, namespace, name string) {
	c.reviews.note(question(c.person, attributes(verb, group, resource, namespace, name)), true)
}

func attributes(verb, group, resource, namespace, name string) *authorizationv1.ResourceAttributes {
	resource, sub, _ := strings.Cut(resource, "/")
	return &authorizationv1.ResourceAttributes{
		Verb: verb, Group: group, Resource: resource, Subresource: sub, Namespace: namespace, Name: name,
	}
}
