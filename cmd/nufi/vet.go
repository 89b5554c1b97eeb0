package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
)

var errNothingToVet = errors.New("nothing to check: name files, or --templates")

func newVetCommand() *cobra.Command {
	var input inputFlags
	cmd := &cobra.Command{
		Use:   "vet [FILE...]",
		Short: "Check NpuDeploys, Projects and templates",
		Long: `Check NpuDeploys and Projects as the controller does, against the contract, the accelerators
and the platform's policy. Prints nothing if all are valid. Otherwise prints a line for each
violation, and the exit code is 1.

With --templates the folder is checked first, as the controller checks a replacement: it
must compile and render each of its presets, to objects that may be applied, within a minute.
Its policy may forbid examples.`,
		Example: `  nufi vet llama-8b.yaml
  nufi vet --templates . deploys/`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if input.templates != "" {
				if err := vetTemplates(cmd, input.templates); err != nil {
					return err
				}
			} else if len(args) == 0 {
				return errNothingToVet
			}
			input.files = args
			return input.each(cmd, func(*render.Manifests) error { return nil })
		},
	}
	cmd.Flags().StringVar(&input.templates, "templates", "", "folder of a CUE module to check, and to check the files with")
	return cmd
}

func vetTemplates(cmd *cobra.Command, dir string) error {
	candidate, err := templates.Snapshot(dir)
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(cmd)
	defer stop()
	if err := templates.Validate(ctx, candidate, templates.Live{}); err != nil {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), err)
		return &exitError{code: exitDifferent}
	}
	return nil
}

// newValidateCommand returns the command of the child process of templates.Validate.
func newValidateCommand() *cobra.Command {
	return &cobra.Command{
		Use:    templates.ValidateCommand,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if code := templates.ValidateMain(os.Stdin, cmd.OutOrStdout()); code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
}
