package fleet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dudaji/nufi"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness"
)

// fleet is a number of NpuDeploys on a control plane of their own.
type fleet struct {
	*harness.Harness

	templates string
	binary    string   // the compiled controller
	process   *process // nil before startController
	stop      func()   // the controller, and the control plane after it
}

func newFleet(b *testing.B, setup ...harness.Setup) *fleet {
	b.Helper()
	log.SetLogger(logr.Discard())
	if len(setup) == 0 {
		setup = []harness.Setup{harness.ControllerManager()}
	}
	h, stop := harness.NewIsolated(b, append(setup, harness.Routes())...)
	f := &fleet{Harness: h, templates: b.TempDir(), stop: stop}
	f.Must(os.CopyFS(f.templates, nufi.Module()))
	f.editPolicy(`serviceAccount: "Own"`, `serviceAccount: "NamespaceDefault"`)
	f.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}})
	return f
}

// deploy is the i-th NpuDeploy, with three children: a Deployment, a Service and a
// VirtualService.
func (f *fleet) deploy(i int) *v1.NpuDeploy {
	count, replicas := int32(1), int32(1)
	name := fmt.Sprintf("server-%04d", i)
	return &v1.NpuDeploy{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: name},
		Spec: v1.NpuDeploySpec{
			Model:           "org/model",
			Accelerator:     &v1.Accelerator{Type: "atom", Count: &count},
			InferenceServer: &v1.InferenceServer{Replicas: &replicas},
			Endpoint:        &v1.Endpoint{Host: name + ".nufi.me"},
		},
	}
}

func (f *fleet) createDeploys() {
	f.Helper()
	f.each(func(ctx context.Context, i int) error { return f.Client.Create(ctx, f.deploy(i)) })
}

// create creates all NpuDeploys, starts the controller, and returns how long it took from the first object to the last.
// The start is measured by a restart.
func (f *fleet) create() time.Duration {
	f.Helper()
	f.createDeploys()
	f.startController()
	f.awaitEvery(readInterval, "the first children", func() bool { return f.created() > 0 })
	return f.awaitChildren()
}

// changePolicy adds an annotation to every object, and returns how long it took from the first that has it until
// all do: before, the templates are validated.
func (f *fleet) changePolicy() time.Duration {
	f.Helper()
	before := f.metric("nufi_applies_total", `result="configured"`)
	f.editPolicy("annotations: {}", `annotations: {note: "new"}`)
	changed := func() float64 { return f.metric("nufi_applies_total", `result="configured"`) - before }
	f.awaitEvery(readInterval, "the new policy", func() bool { return changed() > 0 })
	all := float64(*size * children)
	most := f.await("the new policy of most", func() bool { return changed() >= all*0.95 })
	return most + f.awaitEvery(readInterval, "the new policy of all", func() bool { return changed() >= all })
}

// editPolicy replaces parts of the policy, given as pairs, in one step.
func (f *fleet) editPolicy(edits ...string) {
	f.Helper()
	name := filepath.Join(f.templates, "schemas/policy/policy.cue")
	read, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	content := string(read)
	for i := 0; i < len(edits); i += 2 {
		if strings.Count(content, edits[i]) != 1 {
			f.Fatalf("the policy has no %s, or more than one", edits[i])
		}
		content = strings.Replace(content, edits[i], edits[i+1], 1)
	}
	temporary := filepath.Join(f.TempDir(), "policy.cue")
	if err := os.WriteFile(temporary, []byte(content), 0o600); err != nil {
		f.Fatal(err)
	}
	if err := os.Rename(temporary, name); err != nil {
		f.Fatal(err)
	}
}

// readInterval is how exact the measured times are.
const readInterval = 50 * time.Millisecond

// awaitChildren returns how long it took until the last child was written. It asks often only towards the end.
func (f *fleet) awaitChildren() time.Duration {
	f.Helper()
	all := float64(*size * children)
	most := f.await("most children", func() bool { return f.created() >= all*0.95 })
	return most + f.awaitEvery(readInterval, "all children", func() bool { return f.created() >= all })
}

// await polls once a second, and returns how long it took.
func (f *fleet) await(what string, condition func() bool) time.Duration {
	f.Helper()
	return f.awaitEvery(time.Second, what, condition)
}

func (f *fleet) awaitEvery(interval time.Duration, what string, condition func() bool) time.Duration {
	f.Helper()
	start := time.Now()
	for !condition() {
		if time.Since(start) > 30*time.Minute {
			f.Fatalf("waited too long for %s", what)
		}
		f.wait(interval)
	}
	return time.Since(start)
}

// settle waits until the controller has written nothing for settleTime.
func (f *fleet) settle() {
	f.Helper()
	last, since := f.writes(), time.Now()
	f.awaitEvery(settleTime/4, "the controller to stop writing", func() bool {
		if now := f.writes(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > settleTime
	})
}

func (f *fleet) wait(span time.Duration) {
	select {
	case <-f.Context().Done():
	case <-time.After(span):
	}
}
