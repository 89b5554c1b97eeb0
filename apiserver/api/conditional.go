package api

import (
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/problem"
)

// etag is an object's resourceVersion, as HTTP quotes it.
func etag(object metav1.Object) string { return `"` + object.GetResourceVersion() + `"` }

// ifMatch is the resourceVersion that the client wants to meet: empty if it does not say,
// any for "*".
func ifMatch(r *http.Request) (version string, anyVersion bool, err error) {
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
		return "", false, problem.New(http.StatusBadRequest, `If-Match has to be "*" or one ETag in its quotes`)
	}
	return version, false, nil
}

// has says whether a client that reads has the tag already, by its If-None-Match. A proxy
// that compresses may have made weak tags of ours.
func has(r *http.Request, tag string) bool {
	for _, values := range r.Header.Values("If-None-Match") {
		for value := range strings.SplitSeq(values, ",") {
			if value = strings.TrimPrefix(strings.TrimSpace(value), "W/"); value == tag || value == "*" {
				return true
			}
		}
	}
	return false
}

// failed is a precondition's 412.
func failed(detail string) *problem.Error {
	p := problem.New(http.StatusPreconditionFailed, detail)
	p.Reason = metav1.StatusReasonConflict
	return p
}
