package api

import (
	"context"
	"iter"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// rights are where a person may do something with NpuDeploys. Each question is asked once:
// who wants to know anew makes new rights. It is not for concurrent use.
type rights struct {
	user       *kube.UserClient
	verb       string
	namespace  string // the only one; empty: all
	everywhere bool
	known      map[string]bool // by namespace
}

// rightsOf asks for the rights in a namespace, without which there is an error. In
// all of them, it is no error to have none.
func rightsOf(ctx context.Context, user *kube.UserClient, verb, namespace string) (*rights, error) {
	allowed, err := user.Can(ctx, verb, v1.Group, resource, namespace, "")
	if err != nil {
		return nil, err
	}
	if namespace != "" && !allowed {
		return nil, lacking(problem.Missing{Verb: verb, Group: v1.Group, Resource: resource, Namespace: namespace})
	}
	return &rights{
		user: user, verb: verb, namespace: namespace,
		everywhere: namespace == "" && allowed, known: map[string]bool{namespace: allowed},
	}, nil
}

// whole says whether the person may all over what was asked for: what is left out is left
// out for no other reason than the selectors.
func (r *rights) whole() bool { return r.everywhere || r.namespace != "" }

// in says whether the person may in a namespace.
func (r *rights) in(ctx context.Context, namespace string) (bool, error) {
	if r.everywhere {
		return true, nil
	}
	allowed, known := r.known[namespace]
	if known {
		return allowed, nil
	}
	allowed, err := r.user.Can(ctx, r.verb, v1.Group, resource, namespace, "")
	if err != nil {
		return false, err
	}
	r.known[namespace] = allowed
	return allowed, nil
}

// learn asks for several namespaces at once, so that in has the answers. None is there twice.
func (r *rights) learn(ctx context.Context, namespaces iter.Seq[string]) error {
	if r.everywhere {
		return nil
	}
	var unknown []string
	for namespace := range namespaces {
		if _, known := r.known[namespace]; !known {
			unknown = append(unknown, namespace)
		}
	}
	answers := make([]bool, len(unknown))
	err := each(ctx, len(unknown), func(ctx context.Context, i int) (err error) {
		answers[i], err = r.user.Can(ctx, r.verb, v1.Group, resource, unknown[i], "")
		return err
	})
	if err != nil {
		return err
	}
	for i, namespace := range unknown {
		r.known[namespace] = answers[i]
	}
	return nil
}
