package api

import (
	"context"
	"iter"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// rights are where a person may do something. Each question is asked once: who wants to know
// anew makes new rights. It is not for concurrent use.
type rights struct {
	user       *kube.UserClient
	what       need
	namespace  string // the only one; empty: all
	everywhere bool
	known      map[string]bool // by namespace
	partial    bool            // what cannot be known while Kubernetes is away is left out
	leftOut    bool            // there was some
}

// rightsOf asks for the rights in a namespace, without which there is an error. In
// all of them, it is no error to have none.
func rightsOf(ctx context.Context, user *kube.UserClient, what need, namespace string) (*rights, error) {
	r := &rights{user: user, what: what, namespace: namespace, known: map[string]bool{}}
	allowed, err := r.ask(ctx, namespace)
	switch {
	case err != nil:
		return nil, err
	case namespace == "":
		r.everywhere = allowed
	case !allowed:
		return nil, lacking(problem.Missing{Verb: what.verb, Group: what.group, Resource: what.resource, Namespace: namespace})
	default:
		r.known[namespace] = true
	}
	return r, nil
}

// knownRightsOf are rightsOf as far as they can be known while Kubernetes is away, for an
// answer that can be incomplete.
func knownRightsOf(ctx context.Context, user *kube.UserClient, what need, namespace string) (*rights, error) {
	r, err := rightsOf(ctx, user, what, namespace)
	if err != nil {
		return nil, err
	}
	r.partial = true
	return r, nil
}

// toDeploys is the permission to do verb with NpuDeploys.
func toDeploys(verb string) need { return need{verb: verb, group: v1.Group, resource: resource} }

// ask asks for a namespace, or for all of them if it is empty.
func (r *rights) ask(ctx context.Context, namespace string) (bool, error) {
	return r.user.Can(ctx, r.what.verb, r.what.group, r.what.resource, namespace, "")
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
	allowed, err := r.ask(ctx, namespace)
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
	answers := make([]*bool, len(unknown))
	leftOut, err := eachKnown(ctx, len(unknown), func(ctx context.Context, i int) error {
		allowed, err := r.ask(ctx, unknown[i])
		if err == nil {
			answers[i] = &allowed
		}
		return err
	})
	for i, namespace := range unknown {
		if answers[i] != nil {
			r.known[namespace] = *answers[i]
		}
	}
	switch {
	case err != nil:
		return err
	case !r.partial:
		return leftOut
	}
	r.leftOut = r.leftOut || leftOut != nil
	return nil
}
