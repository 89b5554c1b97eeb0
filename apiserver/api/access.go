package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
)

// reviewsAtATime is how many access reviews one request has under way: it may take one for
// each project that there is.
const reviewsAtATime = 16

// canIn says whether the person may do verb in a namespace. It asks about all of them
// first: for who may everywhere, that one answer serves for each. An empty name means any.
func canIn(ctx context.Context, user *kube.UserClient, verb, group, resource, namespace, name string) (bool, error) {
	everywhere, err := user.Can(ctx, verb, group, resource, "", "")
	if err != nil || everywhere {
		return everywhere, err
	}
	return user.Can(ctx, verb, group, resource, namespace, name)
}

// each does one thing for each of n, a few at a time, until one fails.
func each(ctx context.Context, n int, one func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(reviewsAtATime)
	for i := range n {
		group.Go(func() error { return one(ctx, i) })
	}
	return group.Wait()
}

// eachKnown is each, but that it leaves out what cannot be known while Kubernetes is away,
// and says why, if there was any. It fails if that is all.
func eachKnown(ctx context.Context, n int, one func(ctx context.Context, i int) error) (leftOut, err error) {
	unknown := make([]error, n)
	err = each(ctx, n, func(ctx context.Context, i int) error {
		err := one(ctx, i)
		if kube.Unreachable(err) && ctx.Err() == nil {
			unknown[i] = err
			return nil
		}
		return err
	})
	unknown = slices.DeleteFunc(unknown, func(err error) bool { return err == nil })
	switch {
	case err != nil || len(unknown) == 0:
		return nil, err
	case len(unknown) == n:
		return nil, unknown[0]
	}
	return unknown[0], nil
}

// lacking is the 403 for what this API itself decides by an access review.
func lacking(missing problem.Missing) *problem.Error {
	detail := fmt.Sprintf("you may not %s %s of %s", missing.Verb, missing.Resource, missing.Group)
	if missing.Namespace != "" {
		detail += " in the namespace " + missing.Namespace
	}
	p := problem.New(http.StatusForbidden, detail)
	p.Reason, p.Missing = metav1.StatusReasonForbidden, &missing
	return p
}
