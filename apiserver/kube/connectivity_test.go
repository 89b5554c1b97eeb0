package kube_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/apiserver/kube"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// result is a transport that returns a status, or an error if it is 0.
type result int

func (r result) RoundTrip(*http.Request) (*http.Response, error) {
	if r == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: int(r), Status: http.StatusText(int(r)), Body: http.NoBody}, nil
}

func TestUnreachableSinceTheFirstFailedCall(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var lines []string
	log := funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{})
	connectivity := kube.NewConnectivity(func() time.Time { return now }, log)
	call := func(resource string, result result) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://host/apis/dudaji.com/v1/"+resource+"?watch=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := connectivity.Wrap(result).RoundTrip(request); err == nil {
			_ = response.Body.Close()
		}
	}
	for i, step := range []struct {
		resource string
		result   result
		since    int64 // the earlier of both; 0 if reachable
	}{
		{"npudeploys", http.StatusOK, 0},
		{"npudeploys", http.StatusGone, 0}, // the reflector lists next
		{"npudeploys", 0, 1003},
		{"npudeploys", http.StatusServiceUnavailable, 1003},
		{"projects", http.StatusForbidden, 1003},
		{"npudeploys", http.StatusOK, 1005},
		{"nodes", 0, 1005},
		{"projects", http.StatusOK, 0},
	} {
		now = time.Unix(1001+int64(i), 0)
		call(step.resource, step.result)
		want := time.Time{}
		if step.since != 0 {
			want = time.Unix(step.since, 0)
		}
		if got := connectivity.UnreachableSince("npudeploys", "projects"); !got.Equal(want) {
			t.Errorf("after call %d: unreachable since %v, want %v", i, got, want)
		}
	}
	want := []string{
		`"level"=0 "msg"="Could not read a resource from Kubernetes: it is retried" "resource"="npudeploys" "reason"="connection refused"`,
		`"level"=0 "msg"="Could not read a resource from Kubernetes: it is retried" "resource"="projects" "reason"="Forbidden"`,
		`"level"=0 "msg"="Read a resource from Kubernetes again" "resource"="npudeploys" "seconds"=3`,
		`"level"=0 "msg"="Could not read a resource from Kubernetes: it is retried" "resource"="nodes" "reason"="connection refused"`,
		`"level"=0 "msg"="Read a resource from Kubernetes again" "resource"="projects" "seconds"=3`,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}

// A response that breaks off is an outage as much as none is, over HTTP/1 and HTTP/2.
func TestBrokenResponseIsUnreachable(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"kind": "NpuDeploy",`))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}))
		server.EnableHTTP2 = http2
		server.StartTLS()
		t.Cleanup(server.Close)
		config := &rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
		if !http2 {
			config.NextProtos = []string{"http/1.1"}
		}
		user := newClient(t, newUsers(t, config), newUser(t, "ann"))
		deploy := &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "d"}}
		if err := user.Delete(t.Context(), deploy); !kube.Unreachable(err) {
			t.Errorf("HTTP/2 %t: Unreachable is false for %v", http2, err)
		}
		if _, err := user.Can(t.Context(), "list", v1.Group, "npudeploys", "n", ""); !kube.Unreachable(err) {
			t.Errorf("HTTP/2 %t: Unreachable is false for %v", http2, err)
		}
	}
}
