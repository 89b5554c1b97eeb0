package problem

import (
	"net/http"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kubernetes tells of a field that a kind does not have, or that is of another type, in
// words alone, and by another status for each verb: 400 for a create, 422 for a merge
// patch, with the whole object in it, and 500 for an apply.

// fromShape is a 422 for the fields that a message of Kubernetes' says this of, or nil.
func fromShape(message string) *Error {
	faults := append(decodingFaults(message), typeFaults(message)...)
	if len(faults) == 0 {
		return nil
	}
	p := New(http.StatusUnprocessableEntity, "")
	p.Reason, p.Errors = metav1.StatusReasonInvalid, faults
	words := make([]string, len(faults))
	for i, fault := range faults {
		words[i] = fault.Field + ": " + fault.Message
	}
	p.Detail = strings.Join(words, "; ")
	return p
}

// decodingFaults are of a create or a merge patch.
func decodingFaults(message string) []FieldError {
	const begin = "strict decoding error: "
	at := strings.LastIndex(message, begin)
	if at < 0 {
		return nil
	}
	var faults []FieldError
	for _, found := range regexp.MustCompile(`(unknown|duplicate) field "([^"]+)"`).FindAllStringSubmatch(message[at:], -1) {
		faults = append(faults, FieldError{Field: found[2], Message: found[1] + " field"})
	}
	return faults
}

// typeFaults are of an apply: a line each, or one behind the object's name.
func typeFaults(message string) []FieldError {
	begin := regexp.MustCompile(`^failed to create typed patch object \([^)]*\): `)
	if !begin.MatchString(message) {
		return nil
	}
	var faults []FieldError
	for line := range strings.Lines(begin.ReplaceAllString(message, "")) {
		path, what, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || !strings.HasPrefix(path, ".") {
			continue
		}
		what, _, _ = strings.Cut(what, ", got &") // a Go value follows
		if what == "field not declared in schema" {
			what = "unknown field"
		}
		faults = append(faults, FieldError{Field: path[1:], Message: what})
	}
	return faults
}
