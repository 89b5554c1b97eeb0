package problem

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/internal/render"
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
		return Unavailable("the cluster does not have this kind"), true
	case kube.Unreachable(err):
		return Unavailable("Kubernetes' API server does not answer"), true
	}
	return New(http.StatusInternalServerError, "the server made a mistake; its log has the request id"), false
}

// Unavailable is a 503 that tells when to come back.
func Unavailable(detail string) *Error {
	p := New(http.StatusServiceUnavailable, detail)
	p.RetryAfter = retryAway
	return p
}

// noField is what Kubernetes writes where it has no path.
const noField = "<nil>"

func fromStatus(status metav1.Status) *Error {
	code := int(status.Code)
	if code < http.StatusBadRequest || code > 599 {
		code = http.StatusBadGateway
	}
	if p := fromShape(status.Message); p != nil {
		return p
	}
	p := New(code, status.Message)
	switch code {
	case http.StatusUnauthorized:
		// Who asks has been believed: it is the server whom Kubernetes does not, or no longer.
		return Unavailable("Kubernetes' API server does not accept the call: " + status.Message)
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		p.RetryAfter = retryAway
	}
	p.Reason = status.Reason
	if status.Details == nil {
		return p
	}
	p.RetryAfter = cmp.Or(int(status.Details.RetryAfterSeconds), p.RetryAfter)
	for _, cause := range status.Details.Causes {
		if cause.Field != "" && cause.Field != noField {
			// A conflict's path begins with a dot, no other does.
			p.Errors = append(p.Errors, FieldError{Field: strings.TrimPrefix(cause.Field, "."), Message: cause.Message})
		}
	}
	return p
}

func fromFaults(faults *render.Error) *Error {
	p := New(http.StatusUnprocessableEntity, faults.Error())
	p.Reason = metav1.StatusReasonInvalid
	for _, fault := range faults.Violations {
		p.Errors = append(p.Errors, FieldError{Field: fault.Path, Message: fault.Message})
	}
	return p
}
