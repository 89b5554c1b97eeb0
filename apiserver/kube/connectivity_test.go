package kube_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/dudaji/nufi/apiserver/kube"
)

// ends is how a call ends: with a status, or without if it is 0.
type ends int

func (e ends) RoundTrip(*http.Request) (*http.Response, error) {
	if e == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: int(e), Body: http.NoBody}, nil
}

func TestContactIsLostFromTheFirstCallThatFailsToTheNextThatDoesNot(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	contact := kube.NewConnectivity(func() time.Time { return now })
	call := func(resource string, end ends) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://host/apis/dudaji.com/v1/"+resource+"?watch=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := contact.Wrap(end).RoundTrip(request); err == nil {
			_ = response.Body.Close()
		}
	}
	for i, step := range []struct {
		resource string
		end      ends
		lost     int64 // of both together; 0: not at all
	}{
		{"npudeploys", http.StatusOK, 0},
		{"npudeploys", http.StatusGone, 0}, // an answer: the list comes next
		{"npudeploys", 0, 1003},
		{"npudeploys", http.StatusServiceUnavailable, 1003},
		{"projects", http.StatusForbidden, 1003},
		{"npudeploys", http.StatusOK, 1005},
		{"nodes", 0, 1005},
		{"projects", http.StatusOK, 0},
	} {
		now = time.Unix(1001+int64(i), 0)
		call(step.resource, step.end)
		want := time.Time{}
		if step.lost != 0 {
			want = time.Unix(step.lost, 0)
		}
		if got := contact.UnreachableSince("npudeploys", "projects"); !got.Equal(want) {
			t.Errorf("after call %d: lost since %v, want %v", i, got, want)
		}
	}
}
