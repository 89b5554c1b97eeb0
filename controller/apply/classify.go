package apply

import (
	"errors"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/message"
)

// maxMessage bounds what a condition repeats of the API server's response, in bytes.
const maxMessage = 512

// classify converts the API server's response to a write into one of this package's errors.
// It reads codes, causes and field paths, and two texts: Kubernetes gives no code for an immutable
// field, nor for which of authorization and admission forbids a request.
func classify(ref Ref, err error) error {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return nil
	case meta.IsNoMatchError(err):
		return &NotInstalledError{Ref: ref}
	case !errors.As(err, &status):
		return &UnavailableError{Ref: ref, Err: err}
	}
	if other, ok := firstConflict(err); ok {
		return &ConflictError{Ref: ref, Manager: other.name, Field: other.field}
	}
	if field, ok := immutableField(err); ok {
		return &ImmutableError{Ref: ref, Field: field}
	}
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return &TerminatingError{Ref: ref}
	}
	if isTransient(status.Status()) || lacksRight(status.Status()) {
		return &UnavailableError{Ref: ref, Err: err}
	}
	return &RejectedError{Ref: ref, Field: firstField(err), Message: message.Line(err.Error(), maxMessage), Err: err}
}

// isTransient reports whether a response is unrelated to the manifest. A 500 without a reason is
// related: it is the response to a field that the API server's schema does not have.
func isTransient(status metav1.Status) bool {
	switch status.Code {
	case http.StatusConflict, http.StatusNotFound, http.StatusTooManyRequests, http.StatusUnauthorized:
		return true
	case http.StatusInternalServerError:
		return status.Reason != metav1.StatusReasonUnknown
	}
	return status.Code > http.StatusInternalServerError
}

// lacksRight reports whether the controller lacks a right, which is no fault of the manifest. An API server that has just
// started may not know any rights for a moment.
func lacksRight(status metav1.Status) bool {
	_, denial, _ := strings.Cut(status.Message, `is forbidden: User "`)
	return status.Code == http.StatusForbidden && strings.Contains(denial, `" cannot `)
}

// immutableField returns the path of a field that validation does not allow to change.
func immutableField(err error) (string, bool) {
	for _, cause := range causes(err) {
		invalid := cause.Type == metav1.CauseTypeFieldValueInvalid || cause.Type == metav1.CauseTypeForbidden
		if invalid && cause.Field != "" && (strings.HasSuffix(cause.Message, ": field is immutable") ||
			// The spec of a PersistentVolumeClaim, and a smaller size.
			strings.Contains(cause.Message, "spec is immutable after creation") ||
			strings.Contains(cause.Message, "field can not be less than")) {
			return cause.Field, true
		}
	}
	return "", false
}

func firstField(err error) string {
	for _, cause := range causes(err) {
		if cause.Field != "" {
			return cause.Field
		}
	}
	return ""
}

// firstConflict returns the first of the fields that an apply without force would take.
func firstConflict(err error) (otherManager, bool) {
	for _, cause := range causes(err) {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			return otherManager{name: firstQuoted(cause.Message), field: cause.Field}, true
		}
	}
	return otherManager{}, false
}

// firstQuoted returns the text between the first two quotation marks: a conflict has the
// manager's name nowhere else.
func firstQuoted(text string) string {
	parts := strings.SplitN(text, `"`, 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}

func causes(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	return status.Status().Details.Causes
}
