package auth

import (
	"bytes"
	"html/template"
	"net/http"
	"strings"
)

// pageText has no style or script: the Content-Security-Policy allows none.
const pageText = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>{{.Title}} · NuFi</title></head>
<body>
<main>
<h1>{{.Title}}</h1>
<p>{{.Detail}}</p>
<p><a href="/login">Log in again</a>{{if .RequestID}} · <a href="/">Back to the start</a>{{end}}</p>
{{with .RequestID}}<p>Request: {{.}}</p>{{end}}
</main>
</body>
</html>
`

// page is the content of a page about logins. RequestID is empty unless it reports an error.
type page struct{ Title, Detail, RequestID string }

func writePage(w http.ResponseWriter, status int, content page) {
	var text bytes.Buffer
	if err := template.Must(template.New("").Parse(pageText)).Execute(&text, content); err != nil {
		text.Reset() // never: the content is text
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // an error means that the client has disconnected
}

func acceptsHTML(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// ErrorPage answers browsers with an HTML page, and other clients by next.
func ErrorPage(next ErrorWriter) ErrorWriter {
	return func(w http.ResponseWriter, r *http.Request, status int, detail string) {
		if !acceptsHTML(r) {
			next(w, r, status, detail)
			return
		}
		writePage(w, status, page{Title: "Login failed", Detail: detail, RequestID: w.Header().Get("X-Request-Id")})
	}
}
