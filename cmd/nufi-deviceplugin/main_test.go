package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestThePluginRunsUntilItIsToldToStop(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "sys/bus/pci/devices"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := run(ctx, []string{"--host-root", root, "--kubelet-dir", t.TempDir(), "--listen", "127.0.0.1:0"}, io.Discard)
	if err != nil {
		t.Error(err)
	}
}

func TestWhatCannotWorkIsSaidAtTheStart(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		args []string
		want error
	}{
		"a host root that is not there":   {[]string{"--host-root", none, "--listen", "127.0.0.1:0"}, fs.ErrNotExist},
		"a description that is not there": {[]string{"--devices", none}, fs.ErrNotExist},
		"a kubeconfig that is not there":  {[]string{"--kubeconfig", none}, fs.ErrNotExist},
		"a call for help":                 {[]string{"--help"}, flag.ErrHelp},
	} {
		if err := run(t.Context(), c.args, io.Discard); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := run(t.Context(), []string{"x330.yaml"}, io.Discard); err == nil {
		t.Error("an argument without a flag was taken")
	}
}

func TestTheNodesNameHasADefault(t *testing.T) {
	t.Setenv("NODE_NAME", "npu-node-1")
	o, err := parse(nil, &bytes.Buffer{})
	if err != nil || o.nodeName != "npu-node-1" {
		t.Errorf("from the environment: %q, %v", o.nodeName, err)
	}
	t.Setenv("NODE_NAME", "")
	if o, err = parse(nil, &bytes.Buffer{}); err != nil || o.nodeName == "" {
		t.Errorf("from the host: %q, %v", o.nodeName, err)
	}
}
