package bundle_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/templates"
)

// A table of rights can miss one. Here the controller works with those of its account
// and no others: it elects itself, applies, heals, prunes, and tells.
func controllerWorks(t *testing.T) {
	team := control.Namespace(t)
	startController(t)
	example := filepath.Join(filepath.Dir(bundle(t)), "examples", "minimal", "npudeploy.yaml")
	kubectl(t, "apply", "-n", team, "-f", example)

	see(t, "True", "get", "npud/qwen-7b", "-n", team, "-o", `jsonpath={.status.conditions[?(@.type=="Applied")].status}`)
	kubectl(t, "delete", "service/qwen-7b", "-n", team)
	see(t, "service/qwen-7b", "get", "service/qwen-7b", "-n", team, "-o", "name", "--ignore-not-found")

	ingress := []string{"get", "ingress/qwen-7b", "-n", team, "-o", "name", "--ignore-not-found"}
	change(t, team, `{"spec": {"endpoint": {"kind": "Ingress", "host": "qwen.example.com"}}}`)
	see(t, "ingress.networking.k8s.io/qwen-7b", ingress...)
	see(t, "Routed", "get", "npud/qwen-7b", "-n", team, "-o", `jsonpath={.status.conditions[?(@.type=="Endpoint")].reason}`)
	change(t, team, `{"spec": {"endpoint": null}}`)
	see(t, "", ingress...)

	see(t, "NpuDeploy", "get", "events", "-n", team, "--field-selector=involvedObject.kind=NpuDeploy",
		"-o", "jsonpath={.items[0].involvedObject.kind}")
}

// startController runs it until the test ends. Whatever it was refused fails the test.
func startController(t *testing.T) {
	t.Helper()
	var refused refusals
	logger := funcr.New(refused.note, funcr.Options{})
	log.SetLogger(logger) // Informers have no other.
	config := rest.CopyConfig(control.Config(t))
	config.Impersonate = rest.ImpersonationConfig{UserName: account, Groups: accountGroups()}
	mgr, err := controller.New(config, controller.Options{
		MetricsAddress: "0", ProbeAddress: "0", LeaderElection: true, LeaderElectionNamespace: namespace,
		Workers: 2, Log: logger, Registry: prometheus.NewRegistry(), Judge: templates.Validate,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(logr.NewContext(t.Context(), logger))
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the controller ended with: %v", err)
		}
		for _, line := range refused.all() {
			t.Errorf("the controller was refused: %s", line)
		}
	})
}

// refusals are the log lines that tell of one.
type refusals struct {
	mu    sync.Mutex
	lines []string
}

func (r *refusals) note(_, line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.Contains(line, "forbidden") {
		r.lines = append(r.lines, line)
	}
}

func (r *refusals) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

func change(t *testing.T, team, patch string) {
	t.Helper()
	kubectl(t, "patch", "npud/qwen-7b", "-n", team, "--type=merge", "-p", patch)
}

// see asks with kubectl until it answers what is wanted.
func see(t *testing.T, want string, args ...string) {
	t.Helper()
	running := control.Cluster(t)
	got := ""
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		out, err := running.Kubectl(ctx, args...)
		if err == nil {
			got = strings.TrimSpace(out)
		}
		return err == nil && got == want, nil
	})
	if err != nil {
		t.Fatalf("kubectl %s: got %q, want %q", strings.Join(args, " "), got, want)
	}
}
