package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// execute is what main does with arguments.
func execute(ctx context.Context, args ...string) error {
	command := newCommand(run) //nolint:contextcheck // It is executed with ctx.
	command.SetArgs(args)
	return command.ExecuteContext(ctx)
}

func TestPluginRunsUntilItsContextEnds(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "sys/bus/pci/devices"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := execute(ctx, "--host-root", root, "--kubelet-dir", t.TempDir(), "--metrics-bind-address", "127.0.0.1:0")
	if err != nil {
		t.Error(err)
	}
}

func TestCheckPrintsTheDevicesOfADescription(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "sys/bus/pci/devices/0000:01:00.0")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "card.yaml")
	for name, text := range map[string]string{
		filepath.Join(dir, "vendor"): "0x1234\n",
		file:                         `{version: v1, resource: vendor.example/card, condition: CardHealthy, pci: {vendor: "0x1234"}}`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	command := newCommand(nil)
	command.SetOut(&out)
	command.SetArgs([]string{"--check", file, "--host-root", root})
	if err := command.ExecuteContext(t.Context()); err != nil || !strings.Contains(out.String(), "0000:01:00.0  -") {
		t.Errorf("%v, got %s", err, out.String())
	}
	if err := os.WriteFile(file, []byte(`{version: v1, resource: vendor.example/card, condition: CardHealthy, pci: {vendor: 0x1234}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := command.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "pci.vendor: write the value in quotes") {
		t.Errorf("got %v", err)
	}
}

func TestStartReportsInvalidFlags(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		args []string
		want error
	}{
		"a host root that is not there":   {[]string{"--host-root", none, "--metrics-bind-address", "127.0.0.1:0"}, fs.ErrNotExist},
		"a description that is not there": {[]string{"--devices", none}, fs.ErrNotExist},
		"a kubeconfig that is not there":  {[]string{"--kubeconfig", none}, fs.ErrNotExist},
	} {
		if err := execute(t.Context(), c.args...); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := execute(t.Context(), "x330.yaml"); err == nil {
		t.Error("an argument without a flag was taken")
	}
}

func TestNodeNameHasADefault(t *testing.T) {
	named := func() string {
		var name string
		command := newCommand(func(_ context.Context, o options) error {
			name = o.nodeName
			return nil
		})
		command.SetArgs([]string{})
		if err := command.Execute(); err != nil {
			t.Error(err)
		}
		return name
	}
	t.Setenv("NODE_NAME", "npu-node-1")
	if name := named(); name != "npu-node-1" {
		t.Errorf("from the environment: %q", name)
	}
	t.Setenv("NODE_NAME", "")
	if name := named(); name == "" {
		t.Error("from the host: none")
	}
}
