// Package program holds what the programs share: running a command until a signal ends it, the
// version, the flags, the logger, and the connections to Kubernetes and Prometheus.
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

// Run executes the command until SIGINT or SIGTERM, and returns the exit code. An error is one
// line on standard error.
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

// version is set by the linker: images are built without the history.
var version string

// Version returns the release's tag, or the version of the commit that the go command has
// recorded: (devel) for `go run`.
func Version() string {
	built := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		built = info.Main.Version
	}
	return cmp.Or(version, built, "(unknown)")
}
