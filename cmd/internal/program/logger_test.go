package program_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dudaji/nufi/cmd/internal/program"
)

// captureStderr returns the lines that f writes to standard error.
func captureStderr(t *testing.T, f func()) []string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = stderr }()
	f()
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestEqualLinesAreNotSampled(t *testing.T) {
	for _, format := range []string{"json", "console"} {
		lines := captureStderr(t, func() {
			logger, err := program.NewLogger("info", format)
			if err != nil {
				t.Fatal(err)
			}
			for range 1000 {
				logger.Info("Rejected a write", "code", 403)
			}
		})
		if len(lines) != 1000 {
			t.Errorf("%s: %d lines were written, want 1000", format, len(lines))
		}
	}
}

func TestStartLogsTheLifecycleAndSetsTheLibrariesLogger(t *testing.T) {
	set, flags := pflag.NewFlagSet("", pflag.ContinueOnError), program.Flags{}
	flags.Add(set, ":8081", "/metrics")
	if err := set.Parse([]string{"--log-level=info", "--log-format=json"}); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	lines := captureStderr(t, func() {
		ctx, cancel := context.WithCancel(t.Context())
		logger, err := flags.Start(ctx, "node", "a")
		if err != nil {
			t.Fatal(err)
		}
		program.LogServing(logger, "127.0.0.1:1")
		log.Log.Info("from controller-runtime")
		klog.Background().Info("from client-go")
		context.AfterFunc(ctx, func() { close(stopped) })
		cancel()
		<-stopped
	})
	var messages []string
	for _, line := range lines {
		var entry struct{ Msg, Version, Node, Address string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		messages = append(messages, entry.Msg)
		if entry.Msg == "Starting" && (entry.Version == "" || entry.Node != "a") || entry.Msg == "Serving" && entry.Address == "" {
			t.Errorf("the line is %s", line)
		}
	}
	for _, want := range []string{"Starting", "Serving", "from controller-runtime", "from client-go"} {
		if !strings.Contains(strings.Join(messages, "\n"), want) {
			t.Errorf("%q is missing in %q", want, messages)
		}
	}
}

func TestInvalidLogFlagsAreRejected(t *testing.T) {
	for _, flags := range []program.Flags{{LogLevel: "loud", LogFormat: "json"}, {LogLevel: "info", LogFormat: "xml"}} {
		if _, err := flags.Start(t.Context()); err == nil {
			t.Errorf("%+v were accepted", flags)
		}
	}
}
