package rest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dudaji/nufi/apiserver/problem"
)

// checkClientError fails the test if the error is neither nil nor a 4xx with a detail.
func checkClientError(t *testing.T, err error) {
	t.Helper()
	var response *problem.Error
	if err != nil && (!errors.As(err, &response) || response.Status < 400 || response.Status > 499 || response.Detail == "") {
		t.Errorf("the error is not the client's: %v", err)
	}
}

func FuzzReadJSON(f *testing.F) {
	for _, seed := range []string{`{"replicas": 2}`, `{"replicas": 99999999999}`, `{"Replicas": 1}`, `{"replicas": 1, "replicas": 2}`, `[]`, ``, `{"replicas": null}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var into struct {
			Replicas *int32 `json:"replicas"`
		}
		checkClientError(t, ReadJSON(httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", strings.NewReader(body)), &into))
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"limit=-1", "limit=1e3", "continue=YS9i", "continue=%ff", "resourceVersion=1%0d%0aX: y"} {
		f.Add(seed, "namespace", "name", "", "")
		f.Add(seed, "namespace", "name", "-model", "org/model")
	}
	f.Fuzz(func(t *testing.T, query, namespace, name, sort, value string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: "/", RawQuery: query}
		_, err := ResourceVersion(r)
		checkClientError(t, err)
		_, err = PageOf(r)
		checkClientError(t, err)
		if strings.Contains(namespace+name+sort, "/") || sort == "" && value != "" {
			return // no list has such a position
		}
		key := Position{Namespace: namespace, Name: name, Sort: sort, Value: value}
		if got, err := parseContinue(Continue(key)); err != nil || got != key {
			t.Errorf("%v became %v, %v", key, got, err)
		}
	})
}

func TestPanicAfterTheResponseBeganAbortsTheConnection(t *testing.T) {
	t.Parallel()
	metrics, err := NewMetrics(prometheus.NewRegistry(), NewStreams(StreamOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(Observe(metrics, time.Now)(Recover(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("on purpose")
	}))))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(text) != "half" {
		t.Errorf("read %q, and then %v", text, err)
	}
}
