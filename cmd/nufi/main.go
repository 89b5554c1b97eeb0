// Command nufi is NuFi's command line. It renders and compares specs with the controller's code,
// directs rollouts, and starts a development cluster. Each subcommand has its own file.
//
// Results are written to stdout, everything else to stderr. An error is one line, `nufi: ...`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"

	"github.com/dudaji/nufi/cmd/internal/program"
)

func main() { os.Exit(run(os.Args)) }

// The names of the program as a plugin of kubectl: the plugin itself, and the program that
// kubectl runs to complete the plugin's arguments.
const (
	pluginName     = "kubectl-nufi"
	completionName = "kubectl_complete-nufi"
)

// run runs the command line and returns its exit code. args[0] is the name by which the
// program was called.
func run(args []string) int {
	program.SetLibraryLogger(logr.Discard()) // Errors are returned: a library's own lines would repeat them.
	root := newCommand()
	switch filepath.Base(args[0]) {
	case pluginName:
		asPlugin(root)
	case completionName:
		asPlugin(root)
		args = slices.Insert(slices.Clone(args), 1, cobra.ShellCompRequestCmd)
	}
	root.SetArgs(args[1:])
	return report(os.Stderr, root.ExecuteContext(context.Background()))
}

// asPlugin makes usage and examples show `kubectl nufi`.
func asPlugin(root *cobra.Command) {
	prefixExamples(root)
	root.Use = pluginName
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl nufi"}
}

func prefixExamples(command *cobra.Command) {
	command.Example = strings.ReplaceAll(command.Example, "  nufi ", "  kubectl nufi ")
	for _, child := range command.Commands() {
		prefixExamples(child)
	}
}

// untilSignal returns a context that a signal cancels, for commands that clean up. Other
// commands keep the default action of signals, so that Ctrl-C works while they read stdin.
func untilSignal(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}

// arguments reports the usage if the number of arguments is wrong. Cobra's own message does not name them.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) != nil {
			return fmt.Errorf("%d arguments: use %s", len(args), cmd.UseLine())
		}
		return nil
	}
}

// noArguments rejects arguments. The message of cobra.NoArgs is "unknown command".
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
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(newUpCommand(), newRenderCommand(), newVetCommand(), newExplainCommand(), newDiffCommand(), newPlanCommand(), newRolloutCommand(), newTrafficCommand(), newPromoteCommand(), newValidateCommand(), newDevicesCommand())
	return root
}
