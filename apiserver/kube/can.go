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

// How long an answer holds, and how many are kept: about 200 bytes each.
const (
	reviewTTL  = 5 * time.Second
	maxReviews = 20000
)

// reviews remembers what persons may do.
type reviews struct{ answers *cache.LRUExpireCache }

func newReviews() *reviews { return &reviews{cache.NewLRUExpireCache(maxReviews)} }

// question is what a person asks to do, hashed: whoever asks for long names fills no memory.
func question(person auth.Person, asked *authorizationv1.ResourceAttributes) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%x %q %q %q %q %q %q",
		person.Key(), asked.Verb, asked.Group, asked.Resource, asked.Subresource, asked.Namespace, asked.Name))
}

// Can says whether the person may do verb with a resource of an API group, such as
// "npudeploys" or "npudeploys/scale" of "dudaji.com". An empty namespace means all of
// them, or a resource without, and an empty name means any. An answer may be five seconds old.
func (c *UserClient) Can(ctx context.Context, verb, group, resource, namespace, name string) (bool, error) {
	asked := &authorizationv1.ResourceAttributes{Verb: verb, Group: group, Namespace: namespace, Name: name}
	asked.Resource, asked.Subresource = split(resource)
	key := question(c.person, asked)
	if answer, known := c.reviews.answers.Get(key); known {
		return answer.(bool), nil // only Can adds
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: asked}}
	answer, err := c.access.Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("reviewing access: %w", err)
	}
	c.reviews.answers.Add(key, answer.Status.Allowed, reviewTTL)
	return answer.Status.Allowed, nil
}

// split parts a resource from its subresource.
func split(resource string) (string, string) {
	resource, sub, _ := strings.Cut(resource, "/")
	return resource, sub
}
