package rest

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gorilla/mux"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
)

// verbError is the error of a call with one of several verbs that a handler uses.
type verbError struct {
	error

	verb string
}

// Unwrap returns the error without the verb.
func (e verbError) Unwrap() error { return e.error }

// WithVerb adds to an error the verb of the call that returned it, so that a 403 names the
// permission that is missing.
func WithVerb(verb string, err error) error {
	if err == nil {
		return nil
	}
	return verbError{err, verb}
}

// addMissing adds the missing permission to a 403 of Kubernetes. There is none if admission
// rejected the request.
func addMissing(r *http.Request, route Route, user *kube.UserClient, err error) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	response, _ := problem.From(err)
	call, hasVerb := errors.AsType[verbError](err)
	for _, need := range route.Needs {
		if hasVerb && need.Verb != call.verb {
			continue
		}
		namespace, name := mux.Vars(r)["namespace"], mux.Vars(r)["name"]
		if need.InProject {
			namespace, name = name, ""
		}
		allowed, reviewErr := user.Can(r.Context(), need.Verb, need.Group, need.Resource, namespace, name)
		if reviewErr != nil || allowed {
			continue
		}
		return Forbidden(problem.Missing{Verb: need.Verb, Group: need.Group, Resource: need.Resource, Namespace: namespace})
	}
	return response
}

// Forbidden returns the 403 of an access review that this API made.
func Forbidden(missing problem.Missing) *problem.Error {
	detail := fmt.Sprintf("you may not %s %s", missing.Verb, missing.Resource)
	if missing.Group != "" {
		detail += " of " + missing.Group
	}
	if missing.Namespace != "" {
		detail += " in the namespace " + missing.Namespace
	}
	p := problem.New(http.StatusForbidden, detail)
	p.Reason, p.Missing = metav1.StatusReasonForbidden, &missing
	return p
}

// NotSynced returns the 503 of a server that has not listed the cluster yet.
func NotSynced() *problem.Error {
	p := problem.New(http.StatusServiceUnavailable, "the server has not read the cluster yet")
	p.RetryAfter = 1
	return p
}
