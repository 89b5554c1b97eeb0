package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
)

const liveDeploy = `
apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: live}
spec: {model: org/model, accelerator: {type: atom, count: 1}}
`

// Otherwise this server would show previews by templates that the controller refuses.
func TestACandidateHasToRenderWhatIsLive(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "live.yaml")
	if err := os.WriteFile(file, []byte(liveDeploy), 0o600); err != nil {
		t.Fatal(err)
	}
	namespace := control.Namespace(t)
	if _, err := control.Cluster(t).Kubectl(t.Context(), "create", "-n", namespace, "-f", file); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, nufi.Module()); err != nil {
		t.Fatal(err)
	}
	system, err := kube.NewSystemClient(control.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	known, err := live.New(ctx, system, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	store, err := openTemplates(dir, known, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "schemas", "accelerators", "atom.cue"), "sizes: [1, 2, 4, 8]", "sizes: [2, 4, 8]")
	edit(t, filepath.Join(dir, "schemas", "policy", "presets.cue"), `type: "atom", count: 1`, `type: "atom", count: 2`)
	ended := make(chan error, 2)
	go func() { ended <- store.Start(ctx) }()
	go func() { ended <- known.Run(ctx) }()
	err = wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return store.State().Rejected != nil, nil
	})
	if err != nil {
		t.Fatal("the candidate was not rejected")
	}
	if got, want := store.State().Rejected.Reason.Error(), "rendering "+namespace+"/live: spec.accelerator.count"; !strings.Contains(got, want) {
		t.Errorf("it was rejected for %s, want %s", got, want)
	}
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func edit(t *testing.T, file, from, to string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		t.Fatalf("%s has no %q", file, from)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}
