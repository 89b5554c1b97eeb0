package rest

import (
	"context"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
)

// maxReviews bounds the concurrent access reviews of one request, which may need one for
// each project.
const maxReviews = 16

// CanIn reports whether the user may do something in a namespace. It reviews access to all
// namespaces first, because that result is valid for each of them. An empty name means any.
func CanIn(ctx context.Context, user *kube.UserClient, need Need, namespace, name string) (bool, error) {
	everywhere, err := user.Can(ctx, need.Verb, need.Group, need.Resource, "", "")
	if err != nil || everywhere {
		return everywhere, err
	}
	return user.Can(ctx, need.Verb, need.Group, need.Resource, namespace, name)
}

// ForEachReachable calls review with 0 to n-1, a few at a time. Reviews that fail because
// Kubernetes is unreachable are skipped, and skipped is the first such error. If all of them are
// skipped, it is returned as the error.
func ForEachReachable(ctx context.Context, n int, review func(ctx context.Context, i int) error) (skipped, err error) {
	unreachable := make([]error, n)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(maxReviews)
	for i := range n {
		group.Go(func() error {
			err := review(groupCtx, i)
			if kube.Unreachable(err) && groupCtx.Err() == nil {
				unreachable[i] = err
				return nil
			}
			return err
		})
	}
	err = group.Wait()
	unreachable = slices.DeleteFunc(unreachable, func(err error) bool { return err == nil })
	switch {
	case err != nil || len(unreachable) == 0:
		return nil, err
	case len(unreachable) == n:
		return nil, unreachable[0]
	}
	return unreachable[0], nil
}

// Access is where a user has a permission. It reviews each namespace once, and is not safe
// for concurrent use.
type Access struct {
	user       *kube.UserClient
	need       Need
	namespace  string          // the only one; empty: all
	everywhere bool            // the user has the permission in all namespaces
	reviewed   map[string]bool // by namespace: has the user the permission?
	partial    bool            // skip namespaces that cannot be reviewed
	incomplete bool            // some were skipped
}

// ReviewAccess reviews a permission in a namespace, and returns a 403 without it. For all
// namespaces, which is the empty one, having it nowhere is no error.
func ReviewAccess(ctx context.Context, user *kube.UserClient, need Need, namespace string) (*Access, error) {
	a := &Access{user: user, need: need, namespace: namespace, reviewed: map[string]bool{}}
	allowed, err := a.review(ctx, namespace)
	switch {
	case err != nil:
		return nil, err
	case namespace == "":
		a.everywhere = allowed
	case !allowed:
		return nil, Forbidden(problem.Missing{Verb: need.Verb, Group: need.Group, Resource: need.Resource, Namespace: namespace})
	default:
		a.reviewed[namespace] = true
	}
	return a, nil
}

// ReviewAgain is ReviewAccess for a stream that is open: it sends the result to the goroutine that
// uses it, unless that has not received the previous one yet.
func ReviewAgain(ctx context.Context, user *kube.UserClient, need Need, namespace string, reviewed chan<- *Access) error {
	access, err := ReviewAccess(ctx, user, need, namespace)
	if err != nil {
		return err
	}
	select {
	case reviewed <- access:
	default:
	}
	return nil
}

// ReviewPartialAccess is ReviewAccess for a response that can be incomplete: namespaces that
// cannot be reviewed while Kubernetes is unreachable are skipped later.
func ReviewPartialAccess(ctx context.Context, user *kube.UserClient, need Need, namespace string) (*Access, error) {
	a, err := ReviewAccess(ctx, user, need, namespace)
	if err != nil {
		return nil, err
	}
	a.partial = true
	return a, nil
}

func (a *Access) review(ctx context.Context, namespace string) (bool, error) {
	return a.user.Can(ctx, a.need.Verb, a.need.Group, a.need.Resource, namespace, "")
}

// User returns the user of the request.
func (a *Access) User() *kube.UserClient { return a.user }

// Everywhere reports whether the user has the permission in all namespaces.
func (a *Access) Everywhere() bool { return a.everywhere }

// Unrestricted reports whether the user has the permission in all of what was reviewed, so
// that nothing is hidden from them.
func (a *Access) Unrestricted() bool { return a.everywhere || a.namespace != "" }

// Incomplete reports whether namespaces were skipped because they could not be reviewed.
func (a *Access) Incomplete() bool { return a.incomplete }

// Namespaces returns the result for each namespace that has been reviewed.
func (a *Access) Namespaces() map[string]bool { return a.reviewed }

// In reports whether the user has the permission in a namespace.
func (a *Access) In(ctx context.Context, namespace string) (bool, error) {
	if a.everywhere {
		return true, nil
	}
	allowed, ok := a.reviewed[namespace]
	if ok {
		return allowed, nil
	}
	allowed, err := a.review(ctx, namespace)
	if err != nil {
		return false, err
	}
	a.reviewed[namespace] = allowed
	return allowed, nil
}

// Review reviews several distinct namespaces at once.
func (a *Access) Review(ctx context.Context, namespaces iter.Seq[string]) error {
	if a.everywhere {
		return nil
	}
	var pending []string
	for namespace := range namespaces {
		if _, ok := a.reviewed[namespace]; !ok {
			pending = append(pending, namespace)
		}
	}
	results := make([]*bool, len(pending))
	skipped, err := ForEachReachable(ctx, len(pending), func(ctx context.Context, i int) error {
		allowed, err := a.review(ctx, pending[i])
		if err == nil {
			results[i] = &allowed
		}
		return err
	})
	for i, namespace := range pending {
		if results[i] != nil {
			a.reviewed[namespace] = *results[i]
		}
	}
	switch {
	case err != nil:
		return err
	case !a.partial:
		return skipped
	}
	a.incomplete = a.incomplete || skipped != nil
	return nil
}
