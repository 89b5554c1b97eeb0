package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// loggerVariable makes TestRunDiscardsLibraryLogs call run and log as libraries do.
const loggerVariable = "NUFI_TEST_LOGGER"

// controller-runtime prints a warning and a stack trace if its logger is used 30 seconds after
// the start of the program and was not set. The fake clock of synctest starts in the year 2000,
// before the program's start, so the test advances it by a century.
func TestRunDiscardsLibraryLogs(t *testing.T) {
	t.Parallel()
	if os.Getenv(loggerVariable) != "" {
		if code := run([]string{"nufi", "--version"}); code != 0 {
			t.Errorf("exit code %d", code)
		}
		synctest.Test(t, func(*testing.T) {
			<-time.After(100 * 365 * 24 * time.Hour)
			log.Log.WithName("test")
			klog.Background().Info("from client-go")
		})
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), loggerVariable+"=1")
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if strings.Contains(string(output), "SetLogger") || strings.Contains(string(output), "from client-go") {
		t.Errorf("a library logged:\n%s", output)
	}
}
