package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/test/harness"
)

// Otherwise this server would preview with templates that the controller rejects.
func TestCandidateMustRenderLiveObjects(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	h.Apply(`{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: live},
		spec: {model: org/model, accelerator: {type: atom, count: 1}}}`)
	dir := t.TempDir()
	if err := os.CopyFS(dir, nufi.Module()); err != nil {
		t.Fatal(err)
	}
	system, err := kube.NewSystemClient(h.Config())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cache, err := live.New(ctx, system, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	store, err := openTemplates(dir, cache, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "schemas", "accelerators", "atom.cue"), "sizes: [1, 2, 4, 8, 16, 32]", "sizes: [2, 4, 8]")
	ended := make(chan error, 2)
	go func() { ended <- store.Start(ctx) }()
	go func() { ended <- cache.Run(ctx) }()
	h.Await("the candidate to be rejected", func() bool { return store.State().Rejected != nil })
	if got, want := store.State().Rejected.Reason.Error(), "rendering "+h.Namespace+"/live: spec.accelerator.count"; !strings.Contains(got, want) {
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
