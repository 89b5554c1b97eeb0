package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
)

// route returns a route of REST by its operation's ID.
func (h *Handlers) route(id string) rest.Route {
	i := slices.IndexFunc(h.REST, func(route rest.Route) bool { return route.ID == id })
	if i < 0 {
		return rest.Route{Handler: func(http.ResponseWriter, *http.Request, *kube.UserClient) error {
			return fmt.Errorf("REST has no operation %s", id)
		}}
	}
	return h.REST[i]
}

// input is what a call of REST sends.
type input struct {
	query       url.Values
	contentType string
	body        string
	match       string // If-Match
}

// call serves a route of REST within a page's request, as its user, and returns the response.
// The names in the path are those of the page.
func (h *Handlers) call(r *http.Request, user *kube.UserClient, id string, in input) (*response, error) {
	route := h.route(id)
	path := route.Path
	for name, value := range mux.Vars(r) {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	target := url.URL{Path: path, RawQuery: in.query.Encode()}
	inner, err := http.NewRequestWithContext(r.Context(), route.Method, target.String(), strings.NewReader(in.body))
	if err != nil {
		return nil, err
	}
	if in.contentType != "" {
		inner.Header.Set("Content-Type", in.contentType)
	}
	if in.match != "" {
		inner.Header.Set("If-Match", in.match)
	}
	answer := &response{header: http.Header{}}
	err = route.Handler(answer, mux.SetURLVars(inner, mux.Vars(r)), user)
	if err == nil {
		recordResponse(r.Context(), id, answer.body.Bytes())
	}
	return answer, err
}

// read calls a route that answers with JSON.
func (h *Handlers) read(r *http.Request, user *kube.UserClient, id string, in input, into any) (*response, error) {
	answer, err := h.call(r, user, id, in)
	if err != nil {
		return nil, err
	}
	return answer, json.Unmarshal(answer.body.Bytes(), into)
}

// response is an answer of REST in memory.
type response struct {
	header http.Header
	body   bytes.Buffer
}

// Header returns the headers of the answer.
func (r *response) Header() http.Header { return r.header }

// WriteHeader does nothing: handlers return errors.
func (r *response) WriteHeader(int) {}

// Write appends to the body.
func (r *response) Write(text []byte) (int, error) { return r.body.Write(text) }

// WriteString appends to the body.
func (r *response) WriteString(text string) (int, error) { return r.body.WriteString(text) }

// Flush, SetReadDeadline and SetWriteDeadline make a log, which is sent as a stream, readable.
func (r *response) Flush() {}

// SetReadDeadline does nothing: there is no connection.
func (r *response) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: there is no connection.
func (r *response) SetWriteDeadline(time.Time) error { return nil }

var _ io.StringWriter = &response{}

// lacks returns the permission that the user lacks for an operation of REST, or nil. It is nil while
// Kubernetes is unreachable: the operation itself reports that.
func (h *Handlers) lacks(r *http.Request, user *kube.UserClient, operation, namespace, name string) (*problem.Missing, error) {
	lack, err := missing(r.Context(), user, h.route(operation).Needs, namespace, name)
	if kube.Unreachable(err) {
		return nil, nil
	}
	return lack, err
}

// missing returns the last permission that the user lacks in a namespace, or nil. It is that of the
// change itself: those to read come first.
func missing(ctx context.Context, user *kube.UserClient, needs []rest.Need, namespace, name string) (*problem.Missing, error) {
	for _, need := range slices.Backward(needs) {
		allowed, err := user.Can(ctx, need.Verb, need.Group, need.Resource, namespace, name)
		if err != nil {
			return nil, err
		}
		if !allowed {
			return &problem.Missing{Verb: need.Verb, Group: need.Group, Resource: need.Resource, Namespace: namespace}, nil
		}
	}
	return nil, nil
}
