package dashboard

import (
	"net/http"
	"strings"

	"github.com/go-logr/logr"
	"github.com/gorilla/mux"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
)

// formContent is the media type of a form without files.
const formContent = "application/x-www-form-urlencoded"

// htmlContent is the response of a page.
func htmlContent() openapi.Content {
	return openapi.Content{Types: []string{"text/html"}, Schema: map[string]any{"type": "string"}}
}

// languageQuery is the parameter that every page has.
func languageQuery() openapi.Parameter {
	return openapi.Parameter{Name: languageParameter, Doc: "language of the page", Schema: openapi.Enum(string(english), string(korean))}
}

// newPage returns the route of a page, which requires the permissions of a route of REST. It is
// audited like that route. An empty operation requires none.
func (h *Handlers) newPage(id, path, summary, operation string, handler rest.Handler, query ...openapi.Parameter) rest.Route {
	var needs []rest.Need
	change := ""
	if operation != "" {
		needs, change = h.route(operation).Needs, h.route(operation).Change
	}
	return rest.Route{
		Operation: openapi.Operation{
			ID: id, Method: http.MethodGet, Path: path, Summary: summary, Status: http.StatusOK, Query: append(query, languageQuery()), Returns: htmlContent(),
		},
		Needs: needs, Change: change, Handler: handler,
	}
}

// newForm returns the route of a form, which has the permissions and the audit of the route of
// REST that it calls. Its media type is formContent, if none is given.
func (h *Handlers) newForm(id, path, summary, operation string, handler rest.Handler, media ...string) rest.Route {
	if len(media) == 0 {
		media = []string{formContent}
	}
	form := h.newPage(id, path, summary, operation, handler)
	form.Handler = func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
		if _, err := rest.MediaType(r, media...); err != nil {
			return err
		}
		return handler(w, r, user)
	}
	form.Method, form.Status = http.MethodPost, http.StatusSeeOther
	form.Accepts = []openapi.Content{{Types: media, Schema: map[string]any{"type": "object", "additionalProperties": true}}}
	return form
}

// redirect sends the browser from a form to a page, in its language.
func redirect(w http.ResponseWriter, r *http.Request, path string, parameters ...string) {
	http.Redirect(w, r, languageOf(r).url(path, parameters...), http.StatusSeeOther) //nolint:gosec // G710: it begins with a path of this server
}

// ErrorPages shows browsers each error as a page, also those of requests that reach no page. Other
// clients, and those of REST, get the problem.
func (h *Handlers) ErrorPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if acceptsHTML(r) && !strings.HasPrefix(r.URL.Path, rest.Prefix+"/") {
			r = r.WithContext(problem.WithPage(r.Context(), h.writeError))
		}
		next.ServeHTTP(w, r)
	})
}

// errorPage is the model of pages/error.html.
type errorPage struct {
	*problem.Error

	LoginURL string // empty unless a login can end the error
	IsForm   bool   // a reload sends it again
	PageURL  string // of the page without the query that is invalid
}

// writeError writes the page of an error.
func (h *Handlers) writeError(w http.ResponseWriter, r *http.Request, p *problem.Error) error {
	page := errorPage{Error: p, IsForm: r.Method == http.MethodPost}
	switch {
	case h.HasLogin && (p.Status == http.StatusUnauthorized || isLogin(r)):
		page.LoginURL = "/login?return=%2F"
	case p.Status == http.StatusBadRequest && !page.IsForm && r.URL.RawQuery != "":
		page.PageURL = languageOf(r).url(requestPath(r))
	}
	return h.views.write(w, r, "error.html", frame{Title: p.Title, Status: p.Status, Page: page})
}

// isLogin reports whether the request is part of a login, which its address cannot repeat.
func isLogin(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/login") }

// LoggedOut serves a page that does not log in again by itself. It requires no user.
func (h *Handlers) LoggedOut(w http.ResponseWriter, r *http.Request) {
	if err := h.views.write(w, r, "loggedout.html", frame{Section: "loggedOut"}); err != nil {
		problem.Write(w, r, h.problem(r, nil, nil, err))
	}
}

// problem converts an error to a problem that a page shows. It logs an unexpected error, and
// adds the missing permission to a 403.
func (h *Handlers) problem(r *http.Request, user *kube.UserClient, needs []rest.Need, err error) *problem.Error {
	found, expected := problem.From(err)
	if !expected {
		logr.FromContextOrDiscard(r.Context()).Error(err, "Could not serve a page", "path", r.URL.Path)
	}
	shown := *found
	if shown.Status == http.StatusForbidden && shown.Missing == nil {
		// Without the review, the page shows Kubernetes' own message.
		shown.Missing, _ = missing(r.Context(), user, needs, mux.Vars(r)["namespace"], mux.Vars(r)["name"])
	}
	return &shown
}

func acceptsHTML(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }
