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
)

// How long an answer holds, and how many are kept: about 300 bytes each.
const (
	reviewTTL  = 5 * time.Second
	maxReviews = 20000
)

// reviews remembers what persons may do.
type reviews struct{ answers *cache.LRUExpireCache }

func newReviews() *reviews { return &reviews{cache.NewLRUExpireCache(maxReviews)} }

// access is what a person asks to do.
type access struct {
	person                                      [sha256.Size]byte
	verb, group, resource, sub, namespace, name string
}

// Can says whether the person may do verb with a resource of an API group, such as
// "npudeploys" or "npudeploys/scale" of "dudaji.com". An empty namespace means all of
// them, or a resource without, and an empty name means any. An answer may be five seconds old.
func (c *UserClient) Can(ctx context.Context, verb, group, resource, namespace, name string) (bool, error) {
	asked := access{person: c.person.Key(), verb: verb, group: group, namespace: namespace, name: name}
	asked.resource, asked.sub = split(resource)
	if answer, known := c.reviews.answers.Get(asked); known {
		return answer.(bool), nil // only Can adds
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Group: group, Resource: asked.resource, Subresource: asked.sub, Namespace: namespace, Name: name,
		},
	}}
	answer, err := c.typed.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("reviewing access: %w", err)
	}
	c.reviews.answers.Add(asked, answer.Status.Allowed, reviewTTL)
	return answer.Status.Allowed, nil
}

// split parts a resource from its subresource.
func split(resource string) (string, string) {
	resource, sub, _ := strings.Cut(resource, "/")
	return resource, sub
}
