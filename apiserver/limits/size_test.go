package limits_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dudaji/nufi/apiserver/limits"
)

func TestHeaderAndAddressAreBounded(t *testing.T) {
	t.Parallel()
	handler := limits.Header(20, 10)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for name, test := range map[string]struct {
		address string
		values  []string // of the header Abcd
		want    int
	}{
		"neither":                      {"/", nil, http.StatusOK},
		"a header of the limit":        {"/", []string{strings.Repeat("v", 16)}, http.StatusOK},
		"a header above the limit":     {"/", []string{strings.Repeat("v", 17)}, http.StatusRequestHeaderFieldsTooLarge},
		"values that exceed it":        {"/", []string{"vvvvvvv", "vvvvvv"}, http.StatusRequestHeaderFieldsTooLarge},
		"an address of the limit":      {"/123456789", nil, http.StatusOK},
		"an address above the limit":   {"/1234567890", nil, http.StatusRequestURITooLong},
		"a query above the limit":      {"/?q=1234567", nil, http.StatusRequestURITooLong},
		"both: the address is first":   {"/1234567890", []string{strings.Repeat("v", 17)}, http.StatusRequestURITooLong},
		"escapes count as they arrive": {"/%20%20%20", nil, http.StatusOK},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, test.address, nil)
		r.Header["Abcd"] = test.values
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s: status %d, want %d", name, w.Code, test.want)
		}
	}
}

func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	var read string
	var failure error
	handler := limits.Bodies(5)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		read, failure = string(content), err
	}))
	for name, test := range map[string]struct {
		body     string
		length   int64 // Content-Length; -1: unknown
		want     int
		tooLarge bool // on reading
	}{
		"empty":                    {"", 0, http.StatusOK, false},
		"of the limit":             {"12345", 5, http.StatusOK, false},
		"above the limit":          {"123456", 6, http.StatusRequestEntityTooLarge, false},
		"chunked, of the limit":    {"12345", -1, http.StatusOK, false},
		"chunked, above the limit": {"123456", -1, http.StatusOK, true},
		"longer than its header":   {"123456", 1, http.StatusOK, true},
	} {
		read, failure = "", nil
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(test.body))
		r.ContentLength = test.length
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		var tooLarge *http.MaxBytesError
		if w.Code != test.want || errors.As(failure, &tooLarge) != test.tooLarge {
			t.Errorf("%s: status %d, want %d; reading: %v", name, w.Code, test.want, failure)
		}
		if accepted := test.want == http.StatusOK && !test.tooLarge; accepted && read != test.body {
			t.Errorf("%s: read %q, want %q", name, read, test.body)
		}
	}
}
