// Command nufi is NuFi's command line: what the controller does in a cluster, it shows
// on a terminal. Each subcommand has its own file, and its constructor there.
//
// Results go to stdout, everything else to stderr, an error in one line as `nufi: ...`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := newCommand().ExecuteContext(ctx)
	stop()
	os.Exit(report(os.Stderr, err))
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "nufi",
		Short:         "Serve models on NPUs and GPUs on Kubernetes",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newUpCommand(), newRenderCommand(), newVetCommand(), newExplainCommand(), newDiffCommand(), newPlanCommand(), newJudgeCommand(), newDevicesCommand())
	return root
}
