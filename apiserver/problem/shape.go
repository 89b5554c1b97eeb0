package problem

import (
	"net/http"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fromShape returns a 422 for the unknown or mistyped fields in a message of Kubernetes, or nil.
// Kubernetes reports them in the message only, and with a status for each verb: 400 for a
// create, 422 for a merge patch, with the whole object, and 500 for an apply.
func fromShape(message string) *Error {
	errs := append(decodingErrors(message), typeErrors(message)...)
	if len(errs) == 0 {
		return nil
	}
	p := New(http.StatusUnprocessableEntity, describe(metav1.Status{Reason: metav1.StatusReasonInvalid}, errs))
	p.Reason, p.Errors = metav1.StatusReasonInvalid, errs
	return p
}

// decodingErrors parses the message of a create or a merge patch.
func decodingErrors(message string) []FieldError {
	const prefix = "strict decoding error: "
	i := strings.LastIndex(message, prefix)
	if i < 0 {
		return nil
	}
	var errs []FieldError
	for _, match := range regexp.MustCompile(`(unknown|duplicate) field "([^"]+)"`).FindAllStringSubmatch(message[i:], -1) {
		errs = append(errs, FieldError{Field: match[2], Message: match[1] + " field"})
	}
	return errs
}

// typeErrors parses the message of an apply: one error a line, or one after the object's name.
func typeErrors(message string) []FieldError {
	prefix := regexp.MustCompile(`^failed to create typed patch object \([^)]*\): `)
	if !prefix.MatchString(message) {
		return nil
	}
	var errs []FieldError
	for line := range strings.Lines(prefix.ReplaceAllString(message, "")) {
		path, text, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || !strings.HasPrefix(path, ".") {
			continue
		}
		text, _, _ = strings.Cut(text, ", got &") // followed by a Go value
		if text == "field not declared in schema" {
			text = "unknown field"
		}
		errs = append(errs, FieldError{Field: path[1:], Message: text})
	}
	return errs
}
