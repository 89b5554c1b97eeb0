package templates_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// BenchmarkChild measures the child process with 10,000 NpuDeploys: the validation of a candidate, as the controller
// does it, and the plan of POST /api/v1/policy/check.
func BenchmarkChild(b *testing.B) {
	live := templates.Live{Deploys: make([]v1.NpuDeploy, 10_000)}
	count := int32(4)
	for i := range live.Deploys {
		deploy := &live.Deploys[i]
		deploy.Namespace, deploy.Name = "search", fmt.Sprint("llama-", i)
		deploy.Spec = v1.NpuDeploySpec{
			Model: "a/b", Accelerator: &v1.Accelerator{Type: "atom", Count: &count}, Endpoint: &v1.Endpoint{Host: deploy.Name + ".nufi.me"},
		}
	}
	candidate := newCandidate(b, replace("policy.cue", "graceSeconds: 120", "graceSeconds: 240"))
	measure := func(name string, call func() error) {
		b.Run(name, func(b *testing.B) {
			before := childrenUsage(b)
			for b.Loop() {
				if err := call(); err != nil {
					b.Fatal(err)
				}
			}
			after := childrenUsage(b)
			b.ReportMetric((cpu(after)-cpu(before)).Seconds()/float64(b.N), "cpu-s/op")
			b.ReportMetric(float64(after.Maxrss)/1024, "peak-MiB") // of the largest child until now
		})
	}
	measure("Validate", func() error { return templates.Validate(b.Context(), candidate, live) })
	measure("Plan", func() error {
		planned, err := templates.Plan(b.Context(), nufi.Module(), candidate, live, nil)
		if err == nil && planned.Effect != render.Restart {
			b.Fatalf("the effect is %s", planned.Effect)
		}
		return err
	})
}

func childrenUsage(b *testing.B) syscall.Rusage {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage); err != nil {
		b.Fatal(err)
	}
	return usage
}

func cpu(usage syscall.Rusage) time.Duration {
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
