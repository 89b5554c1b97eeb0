package controller

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"
)

func TestLeaseGuardRejectsWritesAfterTheRenewDeadline(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "conflict" {
			w.WriteHeader(http.StatusConflict)
		}
	}))
	t.Cleanup(server.Close)
	clock := testclock.NewFakeClock(time.Now())
	guard := &leaseGuard{clock: clock}
	transport := guard.wrap(http.DefaultTransport)
	send := func(method, path string) error {
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(request)
		if err == nil {
			err = response.Body.Close()
		}
		return err
	}
	const object, lease = "/api/v1/namespaces/team/services/web", "/apis/coordination.k8s.io/v1/namespaces/nufi-system/leases/nufi-controller"
	for _, step := range []struct {
		name         string
		wait         time.Duration
		method, path string
		want         error
	}{
		{"read without a lease", 0, http.MethodGet, object, nil},
		{"write without a lease", 0, http.MethodPatch, object, errLeaseNotRenewed},
		{"dry run without a lease", 0, http.MethodPatch, object + "?dryRun=All", nil},
		{"acquire", 0, http.MethodPut, lease, nil},
		{"write", 0, http.MethodPatch, object, nil},
		{"write before the deadline", renewDeadline - time.Second, http.MethodPatch, object, nil},
		{"write at the deadline", time.Second, http.MethodPatch, object, errLeaseNotRenewed},
		{"fail to renew", 0, http.MethodPut, lease + "?conflict", nil},
		{"write after a failed renewal", 0, http.MethodDelete, object, errLeaseNotRenewed},
		{"renew", 0, http.MethodPut, lease, nil},
		{"write after a renewal", 0, http.MethodPost, object, nil},
	} {
		clock.Step(step.wait)
		if err := send(step.method, step.path); !errors.Is(err, step.want) {
			t.Errorf("%s: error %v, want %v", step.name, err, step.want)
		}
	}
}
