// Package program holds what the programs share: running a command until a signal ends it, the
// version, the logger, and the connections to Kubernetes and Prometheus that flags select.
package program

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// Run returns the exit code. An error is one line on standard error.
func Run(command *cobra.Command) int {
	command.Version = Version()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command.ExecuteContext(ctx); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "%s: %v\n", command.Name(), err)
		return 1
	}
	return 0
}

// version is a release's, where the linker sets it: an image is built without the history.
var version string

// Version is a release's tag, or the commit that was compiled, as the go command knows it:
// (devel) for `go run`.
func Version() string {
	built := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		built = info.Main.Version
	}
	return cmp.Or(version, built, "(unknown)")
}
