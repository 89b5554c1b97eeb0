package dashboard

import (
	"bytes"
	"cmp"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/dudaji/nufi/apiserver/auth"
)

// contentPolicy lets a page load the server's own script and style, read from it and send forms
// to it, and nothing else. The script has one policy of Trusted Types, for HTML of the server.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types nufi"

// views are the parsed pages, by language.
type views struct {
	byLanguage  map[language]*template.Template
	cells       cellCache
	compressors compressors
	style       string
	script      string
}

func newViews(style, script string) (*views, error) {
	v := &views{byLanguage: map[language]*template.Template{}, style: style, script: script}
	for language, table := range words() {
		parsed, err := template.New("").Funcs(template.FuncMap{
			"word": table.word, "percent": percent, "memory": memoryText, "hot": isHot, "diff": diffLines, "cells": v.rowCells,
		}).ParseFS(files, "pages/*.html")
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
	OtherURL        string // this page in the other language; empty for the response to a form, and for an error of a login
	Style, Script   string
	User            string
	HasSession      bool   // that a logout ends
	Section         string // of the navigation, with its key in words; empty for an error
	Path            string // of the page, if it is not that of the request
	Title           string // of the page; empty for that of the section
	Status          int    // of the response; 0 is 200
	Age             string // of the data, while Kubernetes is unreachable; otherwise empty
	Live            string // URL of the page's stream; empty if the page is not live by withLive
	Page            any
}

// write renders a page. An error is returned before anything is written.
func (v *views) write(w http.ResponseWriter, r *http.Request, name string, f frame) error {
	user, _ := auth.UserFrom(r.Context())
	f.Style, f.Script = v.style, v.script
	f.User, f.HasSession, f.Language = user.Name(), auth.HasSession(r), languageOf(r)
	f.Other = f.Language.other()
	f.Live = liveURLOf(r)
	shown := r
	if f.Path != "" {
		shown = r.Clone(r.Context())
		shown.URL.Path = f.Path
	}
	if f.Path != "" || r.Method != http.MethodPost && !isLogin(r) {
		f.OtherURL = urlWith(shown, languageParameter, string(f.Other))
	}
	var page bytes.Buffer
	if err := v.byLanguage[f.Language].ExecuteTemplate(&page, name, f); err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("Referrer-Policy", referrerPolicy(r))
	header.Add("Vary", "Accept-Language")
	content := page.Bytes()
	if setGzip(w, r) {
		content = v.compressors.compress(content)
	}
	w.WriteHeader(cmp.Or(f.Status, http.StatusOK))
	_, _ = w.Write(content) // an error means that the client has disconnected
	return nil
}

// referrerPolicy keeps the address of a login, which may contain a code, out of requests.
func referrerPolicy(r *http.Request) string {
	if isLogin(r) {
		return "no-referrer"
	}
	return "same-origin"
}

// writeRead renders a page of a response of REST, which may be stale or incomplete.
func (h *Handlers) writeRead(w http.ResponseWriter, r *http.Request, name, section string, answer *response, page any) error {
	return h.writeFrame(w, r, name, frame{Section: section, Page: page}, answer)
}

// writeFrame is writeRead for a frame.
func (h *Handlers) writeFrame(w http.ResponseWriter, r *http.Request, name string, view frame, answer *response) error {
	for _, header := range []string{"Age", "Warning"} {
		if values := answer.header.Values(header); len(values) > 0 {
			w.Header()[header] = values
		}
	}
	if age, err := strconv.Atoi(answer.header.Get("Age")); err == nil {
		view.Age = duration.HumanDuration(time.Duration(age) * time.Second)
	}
	return h.views.write(w, r, name, view)
}

// percent returns a share from 0 to 1 in percent.
func percent(share *float64) string { return strconv.FormatFloat(100**share, 'f', 0, 64) + " %" }

// memoryText returns memory in use and in total, "" if neither is known.
func memoryText(used, total *int64) string {
	gib := func(bytes *int64) string {
		if bytes == nil {
			return "–"
		}
		return strconv.FormatFloat(float64(*bytes)/(1<<30), 'f', 1, 64)
	}
	if used == nil && total == nil {
		return ""
	}
	return gib(used) + " / " + gib(total) + " GiB"
}

// urlWith returns the request's path and query with one parameter replaced; an empty value
// removes it.
func urlWith(r *http.Request, name, value string) string {
	query := r.URL.Query()
	if query.Set(name, value); value == "" {
		query.Del(name)
	}
	if len(query) == 0 {
		return requestPath(r)
	}
	return requestPath(r) + "?" + query.Encode()
}

// requestPath returns the request's path for a link. Browsers take //name for another host.
func requestPath(r *http.Request) string { return "/" + strings.TrimLeft(r.URL.EscapedPath(), "/") }
