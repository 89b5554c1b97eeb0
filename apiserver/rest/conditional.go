package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

// ETag returns an object's entity tag, "VERSION-DIGEST": its resourceVersion, which every
// change of the object changes, and a digest over what clients write, which a change of the
// status does not. If-None-Match compares both, If-Match the digest alone: a rollout in
// progress must not fail every edit.
func ETag(object metav1.Object) string {
	return `"` + object.GetResourceVersion() + "-" + digest(object) + `"`
}

// digest returns 16 hexadecimal digits. The generation changes with the spec.
func digest(object metav1.Object) string {
	text, err := json.Marshal([]any{
		object.GetUID(), object.GetGeneration(), object.GetLabels(), object.GetAnnotations(), object.GetOwnerReferences(),
	})
	if err != nil {
		return "" // never: these are strings and numbers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// setETag sets the entity tag. The result of a dry run has none: it cannot be read again.
func setETag(w http.ResponseWriter, r *http.Request, object metav1.Object) {
	if !r.URL.Query().Has("dryRun") {
		w.Header().Set("ETag", ETag(object))
	}
}

// IfMatchParameter describes the header that IfMatch reads, for methods that do not require it.
func IfMatchParameter() openapi.Parameter {
	return openapi.Parameter{Name: "If-Match", Doc: "the ETag that was read; absent: any"}
}

// IfNoneMatchParameter describes the header that NotModified reads.
func IfNoneMatchParameter() openapi.Parameter {
	return openapi.Parameter{Name: "If-None-Match", Doc: "the ETag that was read: 304 if it is still the same"}
}

// HasIfMatch reports whether the request has the header If-Match, even an empty one.
func HasIfMatch(r *http.Request) bool { return len(r.Header.Values("If-Match")) > 0 }

// Precondition is what If-Match requires of an object that exists.
type Precondition struct {
	version string // the resourceVersion; empty: any
	digest  string // if not empty, it is compared and not the version
}

// IfMatch reads the header If-Match: "*", an ETag, or a resourceVersion in quotes.
func IfMatch(r *http.Request) (Precondition, error) {
	values := strings.Join(r.Header.Values("If-Match"), ",")
	if values == "*" {
		return Precondition{}, nil
	}
	tag := regexp.MustCompile(`^"(\d+)(?:-([0-9a-f]{16}))?"$`).FindStringSubmatch(values)
	if tag == nil {
		return Precondition{}, problem.New(http.StatusBadRequest, `If-Match must be "*" or one ETag in quotes`)
	}
	return Precondition{version: tag[1], digest: tag[2]}, nil
}

// IsAny reports whether any version is accepted.
func (p Precondition) IsAny() bool { return p == Precondition{} }

// Holds reports whether the object is as required.
func (p Precondition) Holds(object metav1.Object) bool {
	if p.digest != "" {
		return p.digest == digest(object)
	}
	return p.version == "" || p.version == object.GetResourceVersion()
}

// weak begins a tag that names equivalent content.
const weak = "W/"

// matches reports whether If-None-Match lists the tag. A proxy that compresses may have
// made the tag weak.
func matches(r *http.Request, tag string) bool {
	for _, values := range r.Header.Values("If-None-Match") {
		for value := range strings.SplitSeq(values, ",") {
			if value = strings.TrimPrefix(strings.TrimSpace(value), weak); value == strings.TrimPrefix(tag, weak) || value == "*" {
				return true
			}
		}
	}
	return false
}

// NotModified sets the entity tag. If the client already has what it names, it responds with 304
// and returns true.
func NotModified(w http.ResponseWriter, r *http.Request, tag string) bool {
	w.Header().Set("ETag", tag)
	if !matches(r, tag) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// PreconditionFailed returns a 412.
func PreconditionFailed(detail string) *problem.Error {
	p := problem.New(http.StatusPreconditionFailed, detail)
	p.Reason = metav1.StatusReasonConflict
	return p
}
