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

func someone(t *testing.T, name string) auth.User {
	t.Helper()
	person, err := auth.NewUser(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return person
}

// serve has one request of the person's served, and returns the status.
func serve(t *testing.T, handler http.Handler, person auth.User) int {
	t.Helper()
	r := httptest.NewRequestWithContext(auth.WithUser(t.Context(), person), http.MethodGet, "/", nil)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}

// A thousand streams leave as much place for requests as none.
func TestAStreamTakesNoRequestsPlace(t *testing.T) {
	t.Parallel()
	ann, bob := someone(t, "ann"), someone(t, "bob")
	streams := limits.NewStreams(2, 1)
	var handler http.Handler
	within := func(w http.ResponseWriter, r *http.Request) {
		person, _ := auth.UserFrom(r.Context())
		leave, err := streams.Enter(r.Context(), person)
		if err != nil {
			w.WriteHeader(http.StatusTeapot) // unlike who is refused as a request
			return
		}
		defer leave()
		if streams.Open() == 2 {
			return
		}
		// While this stream is open there is place for one request, of its person's too.
		if status := serve(t, handler, bob); status != http.StatusOK {
			t.Errorf("another person's stream: %d", status)
		}
		if status := serve(t, handler, ann); status != http.StatusTeapot {
			t.Errorf("a second stream of one person: %d", status)
		}
	}
	budget := limits.Budget{PerSecond: 100, Burst: 100, InFlight: 1}
	handler = limits.InFlight(1)(limits.PerUser(budget, time.Now)(http.HandlerFunc(within)))
	if status := serve(t, handler, ann); status != http.StatusOK {
		t.Errorf("the stream: %d", status)
	}
	if open := streams.Open(); open != 0 {
		t.Errorf("%d streams are open still", open)
	}
	if status := serve(t, handler, ann); status != http.StatusOK {
		t.Errorf("after it: %d", status)
	}
}

func TestStreamsAreBoundedInAll(t *testing.T) {
	t.Parallel()
	streams := limits.NewStreams(2, 2)
	var leaves []func()
	for _, name := range []string{"ann", "bob"} {
		leave, err := streams.Enter(t.Context(), someone(t, name))
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	if _, err := streams.Enter(t.Context(), someone(t, "cat")); err == nil {
		t.Error("a third stream is let in")
	}
	leaves[0]()
	if _, err := streams.Enter(t.Context(), someone(t, "cat")); err != nil {
		t.Error("when one has left: ", err)
	}
}

// Another token is another Person to Kubernetes, and so are other groups.
func TestWhoeverAPersonComesAsTheirBudgetIsOne(t *testing.T) {
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
