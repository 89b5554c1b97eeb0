package problem

import (
	"errors"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/controller/render"
)

// retryAway is how many seconds a client waits while Kubernetes' API server is away.
const retryAway = 5

// From turns an error into a problem. It is false for an error that says nothing to a
// client and is to be logged.
func From(err error) (*Error, bool) {
	var (
		ready    *Error
		status   apierrors.APIStatus
		tooLarge *http.MaxBytesError
		faults   *render.Error
	)
	switch {
	case errors.As(err, &ready):
		return ready, true
	case errors.As(err, &status):
		return fromStatus(status.Status()), true
	case errors.As(err, &tooLarge):
		return New(http.StatusRequestEntityTooLarge, "the body is larger than is accepted"), true
	case errors.As(err, &faults):
		return fromFaults(faults), true
	case meta.IsNoMatchError(err):
		return New(http.StatusServiceUnavailable, "the cluster does not have this kind"), true
	case kube.Away(err):
		p := New(http.StatusServiceUnavailable, "Kubernetes' API server does not answer")
		p.RetryAfter = retryAway
		return p, true
	}
	return New(http.StatusInternalServerError, "the server made a mistake; its log has the request id"), false
}

// noField is what Kubernetes writes where it has no path.
const noField = "<nil>"

func fromStatus(status metav1.Status) *Error {
	code := int(status.Code)
	if code < http.StatusBadRequest || code > 599 {
		code = http.StatusBadGateway
	}
	p := New(code, status.Message)
	p.Reason = status.Reason
	if status.Details == nil {
		return p
	}
	p.RetryAfter = int(status.Details.RetryAfterSeconds)
	for _, cause := range status.Details.Causes {
		if cause.Field != "" && cause.Field != noField {
			// A conflict's path begins with a dot, no other does.
			p.Errors = append(p.Errors, Fault{Field: strings.TrimPrefix(cause.Field, "."), Message: cause.Message})
		}
	}
	return p
}

func fromFaults(faults *render.Error) *Error {
	p := New(http.StatusUnprocessableEntity, faults.Error())
	p.Reason = metav1.StatusReasonInvalid
	for _, fault := range faults.Faults {
		p.Errors = append(p.Errors, Fault{Field: fault.Path, Message: fault.Message})
	}
	return p
}
