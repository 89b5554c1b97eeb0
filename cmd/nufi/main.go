// Command nufi is NuFi's command line: what the controller does in a cluster, it shows
// on a terminal. Each subcommand has its own file, and its constructor there.
//
// Results go to stdout, everything else to stderr, an error in one line as `nufi: ...`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/dudaji/nufi/cmd/internal/program"
)

func main() {
	os.Exit(report(os.Stderr, newCommand().ExecuteContext(context.Background())))
}

// untilSignal is the context of a command that has something to end when it is told to.
// The others are ended as they are, even while they read a terminal.
func untilSignal(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}

// noArguments refuses what cobra's own would call an unknown command.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q: see %s --help", args[0], cmd.CommandPath())
	}
	return nil
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "nufi",
		Short:         "Serve models on NPUs and GPUs on Kubernetes",
		Version:       program.Version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newUpCommand(), newRenderCommand(), newVetCommand(), newExplainCommand(), newDiffCommand(), newPlanCommand(), newValidateCommand(), newDevicesCommand())
	return root
}
