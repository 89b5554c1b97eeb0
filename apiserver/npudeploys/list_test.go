package npudeploys

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/dudaji/nufi/apiserver/problem"
)

func FuzzSelectors(f *testing.F) {
	for _, seed := range []string{"labelSelector=a%3Db,c%21%3Dd", "labelSelector=((", "fieldSelector=metadata.name%3Da", "fieldSelector=a%0d%0ab"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: "/", RawQuery: query}
		_, err := parseSelection(r)
		var response *problem.Error
		if err != nil && (!errors.As(err, &response) || response.Status != http.StatusBadRequest || response.Detail == "") {
			t.Errorf("the error is not the client's: %v", err)
		}
	})
}
