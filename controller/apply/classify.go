package apply

import (
	"errors"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// classify makes the API server's answer to a write one of this package's errors. It
// goes by codes, causes and field paths; the one text it knows is the one that
// Kubernetes' validation has for immutable fields, which comes with no code.
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
	if by, ok := firstConflict(err); ok {
		return &ConflictError{Ref: ref, Manager: by.manager, Field: by.field}
	}
	if field, ok := immutableField(err); ok {
		return &ImmutableError{Ref: ref, Field: field}
	}
	if isPassing(status.Status()) {
		return &UnavailableError{Ref: ref, Err: err}
	}
	return &RejectedError{Ref: ref, Field: firstField(err), Message: oneLine(err.Error()), Err: err}
}

// isPassing holds for answers that say nothing about the manifest. A 500 without a
// reason does: it is how the API server words a field that its schema does not have.
func isPassing(status metav1.Status) bool {
	switch status.Code {
	case http.StatusConflict, http.StatusNotFound, http.StatusTooManyRequests, http.StatusUnauthorized:
		return true
	case http.StatusInternalServerError:
		return status.Reason != metav1.StatusReasonUnknown
	}
	return status.Code > http.StatusInternalServerError
}

// immutableField is the path that validation refuses to change.
func immutableField(err error) (string, bool) {
	for _, cause := range causes(err) {
		invalid := cause.Type == metav1.CauseTypeFieldValueInvalid || cause.Type == metav1.CauseTypeForbidden
		if invalid && cause.Field != "" && strings.HasSuffix(cause.Message, ": field is immutable") {
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

// quoted returns what stands between the first two quotation marks: a conflict has the
// manager's name nowhere else.
func quoted(message string) string {
	parts := strings.SplitN(message, `"`, 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}

// longestMessage bounds what a condition repeats of the API server's words.
const longestMessage = 512

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longestMessage {
		return string(runes[:longestMessage]) + " ..."
	}
	return text
}
