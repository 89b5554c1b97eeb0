package limits_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/limits"
)

func newUser(t *testing.T, name string) auth.User {
	t.Helper()
	user, err := auth.NewUser(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// serve sends a request of the user and returns the status.
func serve(t *testing.T, handler http.Handler, user auth.User) int {
	t.Helper()
	r := httptest.NewRequestWithContext(auth.WithUser(t.Context(), user), http.MethodGet, "/", nil)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}

func TestStreamReleasesItsRequestSlots(t *testing.T) {
	t.Parallel()
	ann, bob := newUser(t, "ann"), newUser(t, "bob")
	streams := limits.NewStreams(2, 1)
	var handler http.Handler
	openStream := func(w http.ResponseWriter, r *http.Request) {
		user, _ := auth.UserFrom(r.Context())
		leave, err := streams.Enter(r.Context(), user)
		if err != nil {
			w.WriteHeader(http.StatusTeapot) // unlike a rejected request
			return
		}
		defer leave()
		if streams.Open() == 2 {
			return
		}
		// While this stream is open, there is a slot for one request, of the same user, too.
		if status := serve(t, handler, bob); status != http.StatusOK {
			t.Errorf("the stream of another user: %d", status)
		}
		if status := serve(t, handler, ann); status != http.StatusTeapot {
			t.Errorf("a second stream of the user: %d", status)
		}
	}
	budget := limits.Budget{PerSecond: 100, Burst: 100, InFlight: 1}
	handler = limits.InFlight(1)(limits.PerUser(budget, time.Now)(http.HandlerFunc(openStream)))
	if status := serve(t, handler, ann); status != http.StatusOK {
		t.Errorf("the stream: %d", status)
	}
	if open := streams.Open(); open != 0 {
		t.Errorf("%d streams are still open", open)
	}
	if status := serve(t, handler, ann); status != http.StatusOK {
		t.Errorf("after the stream: %d", status)
	}
}

func TestTotalStreamsAreBounded(t *testing.T) {
	t.Parallel()
	streams := limits.NewStreams(2, 2)
	var leaves []func()
	for _, name := range []string{"ann", "bob"} {
		leave, err := streams.Enter(t.Context(), newUser(t, name))
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	if _, err := streams.Enter(t.Context(), newUser(t, "cat")); err == nil {
		t.Error("a third stream was accepted")
	}
	leaves[0]()
	if _, err := streams.Enter(t.Context(), newUser(t, "cat")); err != nil {
		t.Error("after one has ended: ", err)
	}
}

// A token or other groups make another auth.User.
func TestBudgetIsPerName(t *testing.T) {
	t.Parallel()
	handler := limits.PerUser(limits.Budget{PerSecond: 0.001, Burst: 1, InFlight: 2}, time.Now)(
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	streams := limits.NewStreams(9, 1)
	for i, want := range []int{http.StatusOK, http.StatusTooManyRequests} {
		ann, err := auth.NewUser("ann", []string{strconv.Itoa(i)})
		if err != nil {
			t.Fatal(err)
		}
		if got := serve(t, handler, ann); got != want {
			t.Errorf("request %d: %d, want %d", i, got, want)
		}
		if _, err := streams.Enter(t.Context(), ann); (err != nil) != (i > 0) {
			t.Errorf("stream %d: %v", i, err)
		}
	}
}

func TestLogReportsDroppedLines(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	log := limits.NewLog(1, 2, func() time.Time { return now })
	allowed := 0
	for range 100 {
		if _, ok := log.Allow(); ok {
			allowed++
		}
	}
	if allowed != 2 {
		t.Errorf("%d lines were allowed, want 2", allowed)
	}
	now = now.Add(time.Second)
	if dropped, ok := log.Allow(); !ok || dropped != 98 {
		t.Errorf("after a second: %d dropped, allowed %v", dropped, ok)
	}
}
