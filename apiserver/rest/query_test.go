package rest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dudaji/nufi/apiserver/openapi"
)

func TestCheckQuery(t *testing.T) {
	t.Parallel()
	parameters := []openapi.Parameter{DryRunParameter(), {Name: "continue", AllowEmpty: true}}
	for query, ok := range map[string]bool{
		"": true, "dryRun=All": true, "continue=": true, "continue": true, "dryRun=All&continue=a": true,
		"dryRun=": false, "dryRun": false, "dryrun=All": false, "dryRun=All&dryRun=All": false, "a=%zz": false, "dryRun=&continue=": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+query, nil)
		if err := checkQuery(r, parameters); (err == nil) != ok {
			t.Errorf("%q: %v", query, err)
		}
	}
}

func TestTextIsShortenedBetweenCharacters(t *testing.T) {
	t.Parallel()
	parameter := "x" + strings.Repeat("가", 40)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+url.QueryEscape(parameter)+"=", nil)
	if err := checkQuery(r, nil); err == nil || !utf8.ValidString(err.Error()) || !strings.Contains(err.Error(), strings.Repeat("가", 20)+"…") {
		t.Errorf("got %v", err)
	}
}
