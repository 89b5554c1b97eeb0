// Package problem converts errors to problem details of RFC 9457.
//
// Errors of Kubernetes keep their status, their reason and their field paths. An unknown field
// is a 422 for every verb. An unexpected error becomes a 500 without details.
package problem

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RequestID is the response header that Write copies to requestId.
const RequestID = "X-Request-Id"

// ContentType is the media type of problems.
const ContentType = "application/problem+json"

// Error is a problem for the client.
type Error struct {
	Type   string `json:"type" doc:"about:blank: title is the meaning of status, and reason has details"`
	Title  string `json:"title" doc:"the status in words"`
	Status int    `json:"status" doc:"the HTTP status"`
	Detail string `json:"detail,omitempty" doc:"what is wrong with this request"`
	// Instance is set by Write.
	Instance string `json:"instance,omitempty" doc:"the path that was asked for"`
	// Reason is empty for errors that are not Kubernetes'.
	Reason metav1.StatusReason `json:"reason,omitempty" doc:"Kubernetes' word for what is wrong: Forbidden, Invalid, Conflict and so on"`
	// RequestID is set by Write.
	RequestID string       `json:"requestId,omitempty" doc:"finds the request in the server's log"`
	Errors    []FieldError `json:"errors,omitempty" doc:"the invalid fields"`
	Missing   *Missing     `json:"missing,omitempty" doc:"the permission that the user lacks"`

	// RetryAfter is the Retry-After header in seconds; 0 for none.
	RetryAfter int `json:"-"`
}

// FieldError is an error of one field.
type FieldError struct {
	Field   string `json:"field" doc:"path of the field in what was sent: spec.accelerator.count; of templates the file and line: schemas/policy/policy.cue:53"`
	Message string `json:"message" doc:"what is wrong with it"`
}

// Missing is a permission of Kubernetes' RBAC.
type Missing struct {
	Verb      string `json:"verb" doc:"get, list, watch, create, patch, update or delete"`
	Group     string `json:"group" doc:"API group; empty for Kubernetes' core"`
	Resource  string `json:"resource" doc:"resource, with /subresource if there is one"`
	Namespace string `json:"namespace,omitempty" doc:"namespace; absent for all of them"`
}

// New returns a problem with an HTTP status and its detail.
func New(status int, detail string) *Error {
	return &Error{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// Invalid returns a 422 for one field of the body.
func Invalid(field, message string) *Error {
	p := New(http.StatusUnprocessableEntity, field+": "+message)
	p.Reason, p.Errors = metav1.StatusReasonInvalid, []FieldError{{Field: field, Message: message}}
	return p
}

// Page writes a problem as a page for a browser.
type Page func(w http.ResponseWriter, r *http.Request, p *Error) error

type pageKey struct{}

// WithPage returns a context in which Write writes problems as pages.
func WithPage(ctx context.Context, page Page) context.Context {
	return context.WithValue(ctx, pageKey{}, page)
}

// Error returns the detail.
func (p *Error) Error() string { return p.Detail }

// Write writes the problem as the response, as a page if the request's context has one.
func Write(w http.ResponseWriter, r *http.Request, p *Error) {
	body := *p
	body.truncate()
	body.Instance, body.RequestID = r.URL.EscapedPath(), w.Header().Get(RequestID)
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if page, ok := r.Context().Value(pageKey{}).(Page); ok && page(w, r, &body) == nil {
		return
	}
	w.Header().Set("Content-Type", ContentType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(&body) // an error means that the client has disconnected
}

// WriteStatus is an auth.ErrorWriter.
func WriteStatus(w http.ResponseWriter, r *http.Request, status int, detail string) {
	Write(w, r, New(status, detail))
}
