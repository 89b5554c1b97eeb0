package dashboard_test

import (
	"os"
	"testing"

	"github.com/dudaji/nufi/internal/templates"
	"github.com/dudaji/nufi/test/harness"
	"github.com/dudaji/nufi/test/harness/controllertest"
)

func TestMain(m *testing.M) {
	templates.RunIfChild()
	code := harness.Runner(m, harness.Workloads(), harness.Routes()).Run()
	shared.stop()
	os.Exit(code)
}

// The controller and the browser serve all tests of the process.
var (
	controllers controllertest.Shared
	shared      browser
)
