package problem

import (
	"cmp"
	"errors"
	"net/http"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/internal/render"
)

// retryAfterOutage is Retry-After, in seconds, while Kubernetes' API server is unavailable.
const retryAfterOutage = 5

// From converts an error to a problem. It returns false for an unexpected error, which the
// caller must log.
func From(err error) (*Error, bool) {
	var (
		problem  *Error
		status   apierrors.APIStatus
		tooLarge *http.MaxBytesError
		invalid  *render.Error
	)
	switch {
	case errors.As(err, &problem):
		return problem, true
	case errors.As(err, &status):
		p := fromStatus(status.Status())
		return p, p.Status != http.StatusInternalServerError
	case errors.As(err, &tooLarge):
		return New(http.StatusRequestEntityTooLarge, "the body is larger than is accepted"), true
	case errors.As(err, &invalid):
		return fromViolations(invalid), true
	case meta.IsNoMatchError(err):
		return Unavailable("the cluster does not have this kind"), true
	case kube.Unreachable(err):
		return Unavailable("Kubernetes' API server does not respond"), true
	}
	return New(http.StatusInternalServerError, "an internal error occurred; the server's log has the request id"), false
}

// Unavailable returns a 503 with Retry-After.
func Unavailable(detail string) *Error {
	p := New(http.StatusServiceUnavailable, detail)
	p.RetryAfter = retryAfterOutage
	return p
}

// noField is the path in causes without a field.
const noField = "<nil>"

func fromStatus(status metav1.Status) *Error {
	code := int(status.Code)
	if code < http.StatusBadRequest || code > 599 {
		code = http.StatusBadGateway
	}
	if p := fromShape(status.Message); p != nil {
		return p
	}
	p := New(code, describe(status, nil))
	switch code {
	case http.StatusUnauthorized:
		// The user has been authenticated, so Kubernetes rejects the server's credentials.
		return Unavailable("Kubernetes' API server does not accept the server's credentials")
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		p.RetryAfter = retryAfterOutage
	}
	p.Reason = status.Reason
	if status.Details == nil {
		return p
	}
	p.RetryAfter = cmp.Or(int(status.Details.RetryAfterSeconds), p.RetryAfter)
	for _, cause := range status.Details.Causes {
		if e := fieldError(cause); e.Field != "" {
			p.Errors = append(p.Errors, e)
		}
	}
	p.Detail = describe(status, p.Errors)
	return p
}

// fieldError returns the field of a cause, which is empty if it has none.
func fieldError(cause metav1.StatusCause) FieldError {
	if cause.Field == noField {
		// A rule of a CRD about the name has no path. Its message begins with the field.
		rule := regexp.MustCompile(`^Invalid value: (?:"object": )?(metadata\.name): (.+)$`).FindStringSubmatch(cause.Message)
		if rule == nil {
			return FieldError{}
		}
		return FieldError{Field: rule[1], Message: rule[2]}
	}
	// Only the paths of conflicts begin with a dot.
	field := strings.TrimPrefix(cause.Field, ".")
	return FieldError{Field: field, Message: withoutPattern(strings.Replace(cause.Message, ": "+field+" in body ", ": ", 1))}
}

// withoutPattern replaces the expressions of the CRDs for quantities and for hosts by words.
func withoutPattern(message string) string {
	before, pattern, _ := strings.Cut(message, "should match ")
	switch {
	case strings.Contains(pattern, "[numkMGTPE]"):
		return before + "should be a quantity, such as 4, 500m or 16Gi"
	case strings.HasPrefix(pattern, `'^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.`):
		return before + "should be a DNS name in lower case"
	}
	return message
}

func fromViolations(invalid *render.Error) *Error {
	p := New(http.StatusUnprocessableEntity, invalid.Error())
	p.Reason = metav1.StatusReasonInvalid
	for _, violation := range invalid.Violations {
		p.Errors = append(p.Errors, FieldError{Field: violation.Path, Message: violation.Message})
	}
	return p
}
