package rest

import (
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

// ETag returns an object's resourceVersion as an entity tag.
func ETag(object metav1.Object) string { return `"` + object.GetResourceVersion() + `"` }

// IfMatchParameter describes the header that IfMatch reads, for methods that do not require it.
func IfMatchParameter() openapi.Parameter {
	return openapi.Parameter{Name: "If-Match", Doc: "the ETag that was read; absent: any"}
}

// HasIfMatch reports whether the request has the header If-Match, even an empty one.
func HasIfMatch(r *http.Request) bool { return len(r.Header.Values("If-Match")) > 0 }

// IfMatch returns the resourceVersion that the object must have: empty without the header,
// and with any set for "*".
func IfMatch(r *http.Request) (version string, anyVersion bool, err error) {
	values := r.Header.Values("If-Match")
	switch {
	case len(values) == 0:
		return "", false, nil
	case len(values) == 1 && values[0] == "*":
		return "", true, nil
	}
	version, ok := strings.CutPrefix(strings.Join(values, ","), `"`)
	version, closed := strings.CutSuffix(version, `"`)
	if !ok || !closed || version == "" || strings.Trim(version, "0123456789") != "" {
		return "", false, problem.New(http.StatusBadRequest, `If-Match must be "*" or one ETag in quotes`)
	}
	return version, false, nil
}

// Matches reports whether If-None-Match lists the tag. A proxy that compresses may have
// made the tag weak.
func Matches(r *http.Request, tag string) bool {
	for _, values := range r.Header.Values("If-None-Match") {
		for value := range strings.SplitSeq(values, ",") {
			if value = strings.TrimPrefix(strings.TrimSpace(value), "W/"); value == tag || value == "*" {
				return true
			}
		}
	}
	return false
}

// NotModified responds with 304, and returns true, if the client already has the object.
func NotModified(w http.ResponseWriter, r *http.Request, object metav1.Object) bool {
	if !Matches(r, ETag(object)) {
		return false
	}
	w.Header().Set("ETag", ETag(object))
	w.WriteHeader(http.StatusNotModified)
	return true
}

// PreconditionFailed returns a 412.
func PreconditionFailed(detail string) *problem.Error {
	p := problem.New(http.StatusPreconditionFailed, detail)
	p.Reason = metav1.StatusReasonConflict
	return p
}
