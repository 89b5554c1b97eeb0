package limits_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/dudaji/nufi/apiserver/limits"
)

// call sends a request with a method, and returns the status.
func call(t *testing.T, handler http.Handler, method string) int {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/", nil))
	return w.Code
}

func TestReadsKeepAShareOfSlots(t *testing.T) {
	t.Parallel()
	slots := limits.NewSlots(4)
	release, serving := make(chan struct{}), make(chan struct{}, 4)
	handler := slots.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		serving <- struct{}{}
		<-release
	}))
	ended := make(chan struct{}, 4)
	start := func(method string) {
		go func() {
			call(t, handler, method)
			ended <- struct{}{}
		}()
		<-serving
	}
	for range 3 {
		start(http.MethodPost)
	}
	if got := call(t, handler, http.MethodPut); got != http.StatusTooManyRequests {
		t.Errorf("a fourth write: %d", got)
	}
	start(http.MethodGet)
	if got := call(t, handler, http.MethodGet); got != http.StatusTooManyRequests {
		t.Errorf("a fifth request: %d", got)
	}
	close(release)
	for range 4 {
		<-ended
	}
	if got := call(t, handler, http.MethodPut); got != http.StatusOK {
		t.Errorf("after all have ended: %d", got)
	}
}

func TestRequestWithoutSlotLetsOthersIn(t *testing.T) {
	t.Parallel()
	slots := limits.NewSlots(1)
	inner := slots.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	handler := slots.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if got := call(t, inner, http.MethodPost); got != http.StatusTooManyRequests {
			t.Errorf("with the only slot in use: %d", got)
		}
		if !limits.WithoutSlot(r.Context(), func() {
			if got := call(t, inner, http.MethodPost); got != http.StatusOK {
				t.Errorf("while a body is read: %d", got)
			}
		}) {
			t.Error("there is no slot after the body was read")
		}
		if got := call(t, inner, http.MethodPost); got != http.StatusTooManyRequests {
			t.Errorf("after the body was read: %d", got)
		}
	}))
	for range 2 {
		if got := call(t, handler, http.MethodPost); got != http.StatusOK {
			t.Errorf("status %d", got)
		}
	}
}
