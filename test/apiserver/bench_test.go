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
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/kube"
	v1 "github.com/dudaji/nufi/schemas/v1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What is measured: so many callers on a list of so many, and so many watchers.
const (
	listed   = 1000
	callers  = 50
	watchers = 1000
)

func unlimited(o *api.Options) {
	o.Limits.InFlight = 10 * callers
	o.Limits.Person.PerSecond, o.Limits.Person.Burst, o.Limits.Person.InFlight = 1e6, 1e6, 10*callers
	o.Limits.Streams.InAll, o.Limits.Streams.PerPerson = 2*watchers, 2*watchers
	o.Limits.Streams.Beat, o.Limits.Streams.Review = time.Hour, time.Hour
}

// populate makes NpuDeploys that have a status as the controller writes it.
func populate(b *testing.B, count int) string {
	b.Helper()
	namespace := control.Namespace(b)
	kubectl(b, "create", "clusterrolebinding", namespace, "--clusterrole=cluster-admin", "--user=ann")
	scheme, err := kube.NewScheme()
	must(b, err)
	admin, err := client.New(control.Config(b), client.Options{Scheme: scheme})
	must(b, err)
	var group errgroup.Group
	group.SetLimit(16)
	for i := range count {
		group.Go(func() error {
			deploy := &v1.NpuDeploy{ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: fmt.Sprintf("deploy-%04d", i), Labels: map[string]string{"team": "search"},
			}}
			deploy.Spec.Model = "meta-llama/Llama-3.1-8B-Instruct"
			deploy.Spec.Accelerator = &v1.Accelerator{Type: "atom"}
			if err := admin.Create(b.Context(), deploy); err != nil {
				return err
			}
			deploy.Status = status(deploy.Name)
			return admin.Status().Update(b.Context(), deploy)
		})
	}
	must(b, group.Wait())
	return namespace
}

func status(name string) v1.NpuDeployStatus {
	found := v1.NpuDeployStatus{ObservedGeneration: 1, Replicas: 1, Selector: "nufi.dudaji.com/name=" + name}
	for _, kind := range []string{"Ready", "Applied", "Available", "Endpoint", "Progressing"} {
		found.Conditions = append(found.Conditions, metav1.Condition{
			Type: kind, Status: metav1.ConditionTrue, Reason: "AsItShouldBe", ObservedGeneration: 1,
			Message: "everything is as it should be for " + name, LastTransitionTime: metav1.Now(),
		})
	}
	return found
}

// quantile reports one of the durations in milliseconds.
func quantile(b *testing.B, took []time.Duration, q float64, unit string) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(float64(took[int(q*float64(len(took)-1))].Microseconds())/1000, unit)
}

// A page of all, from everybody at once, without a pause.
func BenchmarkAListFromWhatIsKnown(b *testing.B) {
	namespace := populate(b, listed)
	s := serve(b, unlimited)
	path := "/api/v1/namespaces/" + namespace + "/npudeploys"
	await(b, "ann's rights", func() bool {
		got := s.ask("ann", http.MethodGet, path, "")
		return got.status == http.StatusOK && strings.Count(string(got.body), `"kind":"NpuDeploy"`) == listed
	})
	bytes := len(s.ask("ann", http.MethodGet, path, "").body)
	var mu sync.Mutex
	var all []time.Duration
	spent := processor(b)
	b.SetParallelism(callers / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var took []time.Duration
		for pb.Next() {
			begun := time.Now()
			response, err := s.client.Do(s.request(b.Context(), "ann", http.MethodGet, path, ""))
			if err != nil {
				b.Error(err)
				return
			}
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
	b.ReportMetric(float64((processor(b)-spent).Microseconds())/1000/float64(len(all)), "cpu-ms/list")
	b.ReportMetric(float64(bytes), "bytes/list")
}

// processor is how much of the processors this process has had, callers and server.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// What watchers cost who read all there is and then wait, and how long it takes until
// each of them has the next event. Their own side of the connections is counted with them.
func BenchmarkWatchers(b *testing.B) {
	namespace := populate(b, 100)
	s := serve(b, unlimited)
	path := "/api/v1/namespaces/" + namespace + "/watch/npudeploys"
	many := "/api/v1/namespaces/" + namespace + "/npudeploys"
	await(b, "ann's rights", func() bool { return s.ask("ann", http.MethodGet, many, "").status == http.StatusOK })
	before := memory()
	open := make([]net.Conn, watchers)
	for i := range open {
		open[i] = s.dial(b, path)
		readTo(b, open[i], "event: BOOKMARK")
	}
	held := memory() - before
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		patched := s.want(http.StatusOK, http.MethodPatch, many+"/deploy-0000",
			fmt.Sprintf(`{"metadata": {"annotations": {"at": %q}}}`, begun.Format(time.RFC3339Nano)))
		id := "id: " + strings.Trim(patched.header.Get("ETag"), `"`)
		for _, connection := range open {
			readTo(b, connection, id)
		}
		took = append(took, time.Since(begun))
	}
	quantile(b, took, 0.5, "p50-ms/event")
	b.ReportMetric(float64(held)/watchers, "bytes/watcher")
	b.ReportMetric(float64(held)/(1<<20), "MiB")
	for _, connection := range open {
		must(b, connection.Close())
	}
}

// memory is what the heap and the stacks of goroutines hold.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc + stats.StackInuse
}

// dial asks without a client, which would hold buffers and goroutines of its own.
func (s *served) dial(b *testing.B, path string) net.Conn {
	b.Helper()
	connection, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	must(b, err)
	_, err = fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ann\r\n\r\n", path)
	must(b, err)
	return connection
}

// readTo reads to the end of the event that has a line.
func readTo(b *testing.B, connection net.Conn, line string) {
	b.Helper()
	seen := false
	for lines := bufio.NewReader(connection); ; {
		text, err := lines.ReadString('\n')
		must(b, err)
		seen = seen || strings.HasPrefix(text, line)
		if seen && text == "\n" && lines.Buffered() <= len("\r\n") {
			return
		}
	}
}

// A preview of an object that is there, and of that time the dry run of Kubernetes alone.
func BenchmarkPreview(b *testing.B) {
	namespace := populate(b, 1)
	s := serve(b, unlimited)
	path := "/api/v1/namespaces/" + namespace + "/preview"
	body := strings.Replace(deploy, "NAME", "deploy-0000", 1)
	await(b, "ann's rights", func() bool { return s.ask("ann", http.MethodPost, path+"?force=true", body).status == http.StatusOK })
	for name, changed := range map[string]string{
		"same":  `{"metadata": {"name": "deploy-0000", "labels": {"team": "search"}}, "spec": {"model": "meta-llama/Llama-3.1-8B-Instruct", "accelerator": {"type": "atom"}}}`,
		"other": body,
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				s.want(http.StatusOK, http.MethodPost, path+"?force=true", changed)
				took = append(took, time.Since(begun))
			}
			quantile(b, took, 0.5, "p50-ms")
		})
	}
	b.Run("dryrun", func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			begun := time.Now()
			s.want(http.StatusOK, http.MethodPatch, "/api/v1/namespaces/"+namespace+"/npudeploys/deploy-0000?dryRun=All", `{"spec": {"model": "org/other"}}`)
			took = append(took, time.Since(begun))
		}
		quantile(b, took, 0.5, "p50-ms")
	})
}
