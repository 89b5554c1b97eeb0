package dashboard

import (
	"bytes"
	"cmp"
	"html/template"
	"net/http"
	"path"

	"github.com/dudaji/nufi/apiserver/auth"
)

// contentPolicy lets a page load the server's own script and style, read from it and send forms
// to it, and nothing else. The script has one policy of Trusted Types, for HTML of the server.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types nufi"

// views are the parsed pages, by language.
type views struct {
	byLanguage map[language]*template.Template
	style      string
	script     string
}

func newViews(style, script string) (*views, error) {
	v := &views{byLanguage: map[language]*template.Template{}, style: style, script: script}
	for language, table := range words() {
		parsed, err := template.New("").Funcs(template.FuncMap{"word": table.word}).ParseFS(files, "pages/*.html")
		if err != nil {
			return nil, err
		}
		v.byLanguage[language] = parsed
	}
	return v, nil
}

// frame is what every page shows around its content.
type frame struct {
	Language, Other language
	OtherURL        string // this page in the other language
	Style, Script   string
	User            string
	Title           string // of the page; empty for the list of deployments
	Status          int    // of the response; 0 is 200
	Age             string // of the data, while Kubernetes is unreachable; otherwise empty
	Page            any
}

// write renders a page. An error is returned before anything is written.
func (v *views) write(w http.ResponseWriter, r *http.Request, name string, f frame) error {
	user, _ := auth.UserFrom(r.Context())
	f.Style, f.Script = v.style, v.script
	f.User, f.Language = user.Name(), languageOf(r)
	f.Other = f.Language.other()
	shown := r
	if r.Method == http.MethodPost { // the page of a failed form is the one above it
		shown = r.Clone(r.Context())
		shown.URL.Path = path.Dir(r.URL.Path)
	}
	f.OtherURL = urlWith(shown, languageParameter, string(f.Other))
	var page bytes.Buffer
	if err := v.byLanguage[f.Language].ExecuteTemplate(&page, name, f); err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("Referrer-Policy", "same-origin")
	header.Add("Vary", "Accept-Language")
	w.WriteHeader(cmp.Or(f.Status, http.StatusOK))
	_, _ = page.WriteTo(w) // an error means that the client has disconnected
	return nil
}

// urlWith returns the request's path and query with one parameter replaced; an empty value
// removes it.
func urlWith(r *http.Request, name, value string) string {
	query := r.URL.Query()
	if query.Set(name, value); value == "" {
		query.Del(name)
	}
	if len(query) == 0 {
		return r.URL.Path
	}
	return r.URL.Path + "?" + query.Encode()
}
