package api

import (
	"errors"
	"net/http"

	"github.com/gorilla/mux"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
)

// attempt says which verb failed, where a handler uses several.
type attempt struct {
	error

	verb string
}

// Unwrap returns the failure.
func (a attempt) Unwrap() error { return a.error }

func attempted(verb string, err error) error {
	if err == nil {
		return nil
	}
	return attempt{err, verb}
}

// explain adds to Kubernetes' Forbidden the permission that the person lacks, if it is
// that: admission forbids things too.
func explain(r *http.Request, route route, user *kube.UserClient, err error) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	answer, _ := problem.From(err)
	var at attempt
	tried := errors.As(err, &at)
	for _, need := range route.needs {
		if tried && need.verb != at.verb {
			continue
		}
		namespace, name := mux.Vars(r)["namespace"], mux.Vars(r)["name"]
		if need.inside {
			namespace, name = name, ""
		}
		allowed, reviewErr := user.Can(r.Context(), need.verb, need.group, need.resource, namespace, name)
		if reviewErr != nil || allowed {
			continue
		}
		answer.Missing = &problem.Missing{Verb: need.verb, Group: need.group, Resource: need.resource, Namespace: namespace}
		break
	}
	return answer
}
