package auth

import (
	"html/template"
	"net/http"
	"strings"
)

// errorPage has no style or script: the Content-Security-Policy allows none.
const errorPage = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Login failed</title></head>
<body>
<h1>Login failed</h1>
<p>{{.Detail}}</p>
<p><a href="/login">Log in again</a> · <a href="/">Back to the start</a></p>
{{with .RequestID}}<p>Request: {{.}}</p>{{end}}
</body>
</html>
`

// ErrorPage answers browsers with an HTML page, and other clients by next.
func ErrorPage(next ErrorWriter) ErrorWriter {
	page := template.Must(template.New("").Parse(errorPage))
	return func(w http.ResponseWriter, r *http.Request, status int, detail string) {
		if !strings.Contains(r.Header.Get("Accept"), "text/html") {
			next(w, r, status, detail)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		// An error means that the client has disconnected.
		_ = page.Execute(w, struct{ Detail, RequestID string }{detail, w.Header().Get("X-Request-Id")})
	}
}
