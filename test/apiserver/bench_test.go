package apiserver_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/api"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/apitest"
	"github.com/dudaji/nufi/test/harness/cputime"
)

// The sizes of what is measured: callers of a list, and watchers.
const (
	listed   = 1000
	callers  = 50
	watchers = 1000
)

func unlimited(o *api.Options) {
	o.Limits.InFlight = 10 * callers
	o.Limits.User.PerSecond, o.Limits.User.Burst, o.Limits.User.InFlight = 1e6, 1e6, 10*callers
	o.Limits.Streams.Total, o.Limits.Streams.PerUser = 2*watchers, 2*watchers
	o.Limits.Streams.Heartbeat, o.Limits.Streams.Revalidate = time.Hour, time.Hour
}

// populate starts an API server for ann, an administrator, and creates NpuDeploys whose
// status is as the controller writes it.
func populate(b *testing.B, count int) *apitest.Server {
	b.Helper()
	h := harness.New(b)
	h.Bind("cluster-admin", "", "ann")
	var group errgroup.Group
	group.SetLimit(16)
	for i := range count {
		group.Go(func() error {
			deploy := &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{
				Namespace: h.Namespace, Name: fmt.Sprintf("deploy-%04d", i), Labels: map[string]string{"team": "search"},
			}}
			deploy.Spec.Model = "meta-llama/Llama-3.1-8B-Instruct"
			deploy.Spec.Accelerator = &v1.Accelerator{Type: "atom"}
			if err := h.Client.Create(b.Context(), deploy); err != nil {
				return err
			}
			deploy.Status = status(deploy.Name)
			return h.Client.Status().Update(b.Context(), deploy)
		})
	}
	h.Must(group.Wait())
	s := apitest.StartIsolated(h, unlimited)
	s.AwaitResponse("ann's rights", func(r apitest.Response) bool {
		return r.Status == http.StatusOK && strings.Count(string(r.Body), `"kind":"NpuDeploy"`) == count
	}, "ann", http.MethodGet, deploys, "")
	return s
}

func status(name string) v1.NpuDeployStatus {
	status := v1.NpuDeployStatus{ObservedGeneration: 1, Replicas: 1, Selector: "nufi.dudaji.com/name=" + name}
	for _, kind := range []string{"Ready", "Applied", "Available", "Endpoint", "Progressing"} {
		status.Conditions = append(status.Conditions, metav1.Condition{
			Type: kind, Status: metav1.ConditionTrue, Reason: "Ready", ObservedGeneration: 1,
			Message: "the deployment serves as " + name, LastTransitionTime: metav1.Now(),
		})
	}
	return status
}

// quantile reports one of the durations in milliseconds.
func quantile(b *testing.B, took []time.Duration, q float64, unit string) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(float64(took[int(q*float64(len(took)-1))].Microseconds())/1000, unit)
}

// BenchmarkList reads a list from the cache, by many callers at once without a pause.
func BenchmarkList(b *testing.B) {
	s := populate(b, listed)
	benchmarkList(b, s, len(s.Do("ann", http.MethodGet, deploys, "").Body))
}

// BenchmarkUnchangedList polls a list that the callers have already.
func BenchmarkUnchangedList(b *testing.B) {
	s := populate(b, listed)
	tag := s.Do("ann", http.MethodGet, deploys, "").Header.Get("ETag")
	benchmarkList(b, s, 0, "If-None-Match", tag)
}

func benchmarkList(b *testing.B, s *apitest.Server, bytes int, headers ...string) {
	b.Helper()
	var mu sync.Mutex
	var all []time.Duration
	spent := cputime.Self(b)
	b.SetParallelism(callers / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var took []time.Duration
		for pb.Next() {
			begun := time.Now()
			response := s.Open(s.Request(b.Context(), "ann", http.MethodGet, deploys, "", headers...))
			n, err := io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if err != nil || int(n) != bytes {
				b.Errorf("%d bytes, %v", n, err)
			}
			took = append(took, time.Since(begun))
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, took...)
	})
	quantile(b, all, 0.5, "p50-ms")
	quantile(b, all, 0.99, "p99-ms")
	b.ReportMetric(float64((cputime.Self(b)-spent).Microseconds())/1000/float64(len(all)), "cpu-ms/list")
	b.ReportMetric(float64(bytes), "bytes/list")
}

// BenchmarkWatchers measures the memory of watchers that have read the list and wait, both
// sides of their connections, and the time until each of them has the next event.
func BenchmarkWatchers(b *testing.B) {
	s := populate(b, 100)
	path := "/api/v1/namespaces/" + s.Namespace + "/watch/npudeploys"
	before := memory()
	open := make([]net.Conn, watchers)
	for i := range open {
		open[i] = dial(s, path)
		readTo(b, open[i], "event: BOOKMARK")
	}
	held := memory() - before
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		patched := s.Do("ann", http.MethodPatch, deploys+"/deploy-0000",
			fmt.Sprintf(`{"metadata": {"annotations": {"at": %q}}}`, begun.Format(time.RFC3339Nano))).Want(http.StatusOK)
		version, _, _ := strings.Cut(strings.Trim(patched.Header.Get("ETag"), `"`), "-")
		id := "id: " + version
		for _, connection := range open {
			readTo(b, connection, id)
		}
		took = append(took, time.Since(begun))
	}
	quantile(b, took, 0.5, "p50-ms/event")
	b.ReportMetric(float64(held)/watchers, "bytes/watcher")
	b.ReportMetric(float64(held)/(1<<20), "MiB")
	for _, connection := range open {
		s.Must(connection.Close())
	}
}

// memory returns the bytes of the heap and of the goroutines' stacks.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc + stats.StackInuse
}

// dial sends a request without an http.Client, which has buffers and goroutines of its own.
func dial(s *apitest.Server, path string) net.Conn {
	s.Helper()
	connection, err := (&net.Dialer{}).DialContext(s.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
	s.Must(err)
	_, err = fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ann\r\n\r\n", path)
	s.Must(err)
	return connection
}

// readTo reads to the end of the event that has the line.
func readTo(b *testing.B, connection net.Conn, line string) {
	b.Helper()
	seen := false
	for lines := bufio.NewReader(connection); ; {
		text, err := lines.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		seen = seen || strings.HasPrefix(text, line)
		if seen && text == "\n" && lines.Buffered() <= len("\r\n") {
			return
		}
	}
}

// BenchmarkPreview measures a preview of an existing object, and the dry run of Kubernetes
// that is a part of it.
func BenchmarkPreview(b *testing.B) {
	s := populate(b, 1)
	const preview = "/api/v1/namespaces/NAMESPACE/preview?force=true"
	unlabelled := strings.Replace(deploy, "NAME", "deploy-0000", 1)
	s.AwaitStatus(http.StatusOK, "ann", http.MethodPost, preview, unlabelled)
	for name, request := range map[string][3]string{
		"same": {http.MethodPost, preview, `{"metadata": {"name": "deploy-0000", "labels": {"team": "search"}},
			"spec": {"model": "meta-llama/Llama-3.1-8B-Instruct", "accelerator": {"type": "atom"}}}`},
		"other":  {http.MethodPost, preview, unlabelled},
		"dryrun": {http.MethodPatch, deploys + "/deploy-0000?dryRun=All", `{"spec": {"model": "org/other"}}`},
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				s.Do("ann", request[0], request[1], request[2]).Want(http.StatusOK)
				took = append(took, time.Since(begun))
			}
			quantile(b, took, 0.5, "p50-ms")
		})
	}
}
