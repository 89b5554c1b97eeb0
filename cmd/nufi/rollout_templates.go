package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

var (
	errNotTemplates = errors.New("not a set of templates: use templates, or templates/DIGEST")
	errNoRolloutYet = errors.New("there is no rollout of templates yet: the first one begins when new templates change an NpuDeploy")
	errNotComplete  = errors.New("the rollout does not complete")
	errDeleted      = errors.New("the rollout was deleted")
)

// isTemplates reports whether an argument names the templates, and which: a digest or its first six
// digits or more, a revision, or a TemplateRollout; empty: the current ones.
func isTemplates(argument string) (which string, is bool) {
	kind, which, _ := strings.Cut(argument, "/")
	switch strings.ToLower(kind) {
	case "templates", "templaterollout", "templaterollouts", "templaterollout.dudaji.com", "templaterollouts.dudaji.com":
		return which, true
	}
	return "", false
}

// listRollouts lists the TemplateRollouts, the newest first.
func listRollouts(ctx context.Context, kube client.Client) ([]v1.TemplateRollout, error) {
	var list v1.TemplateRolloutList
	if err := kube.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing TemplateRollouts: %w", err)
	}
	rollout.SortNewestFirst(list.Items)
	return list.Items, nil
}

// rollout connects, and returns the TemplateRollout that args names: the current one by default.
func (f *clusterFlags) rollout(ctx context.Context, args []string) (client.WithWatch, *v1.TemplateRollout, error) {
	kube, err := f.client()
	if err != nil {
		return nil, nil, err
	}
	found, err := findRollout(ctx, kube, args)
	return kube, found, err
}

func findRollout(ctx context.Context, kube client.Client, args []string) (*v1.TemplateRollout, error) {
	which := ""
	if len(args) > 0 {
		var is bool
		if which, is = isTemplates(args[0]); !is {
			return nil, fmt.Errorf("%s: %w", args[0], errNotTemplates)
		}
	}
	rollouts, err := listRollouts(ctx, kube)
	if err != nil {
		return nil, err
	}
	return selectRollout(rollouts, which)
}

// selectRollout returns the rollout that which names, or the current one if that is empty.
func selectRollout(newestFirst []v1.TemplateRollout, which string) (*v1.TemplateRollout, error) {
	switch {
	case which != "":
		return rollout.Select(newestFirst, which)
	case len(newestFirst) == 0:
		return nil, errNoRolloutYet
	}
	return &newestFirst[0], nil
}

func printRollouts(w io.Writer, rollouts []v1.TemplateRollout) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "REVISION\tTEMPLATES\tSTATE\tUPDATED\tFAILED\tAGE")
	for i := range rollouts {
		failed := int32(0)
		for _, wave := range rollouts[i].Status.Waves {
			failed += wave.Failed
		}
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%d\t%s\n", rollouts[i].Spec.Revision, rollouts[i].Spec.Templates, rollout.StateOf(&rollouts[i]),
			orDash(rollouts[i].Status.Summary), failed, duration.HumanDuration(time.Since(rollouts[i].CreationTimestamp.Time)))
	}
	return table.Flush()
}

// printRollout prints the state of a rollout and its waves.
func printRollout(w io.Writer, shown *v1.TemplateRollout) error {
	_, err := fmt.Fprintf(w, "templates %s (revision %d): %s", shown.Spec.Templates, shown.Spec.Revision, rollout.StateOf(shown))
	if err != nil {
		return err
	}
	if message := rollout.MessageOf(shown); message != "" {
		_, _ = fmt.Fprintf(w, ": %s", message)
	}
	_, _ = fmt.Fprintln(w)
	if plan := shown.Status.Plan; plan != nil {
		_, _ = fmt.Fprintf(w, "plan: None %d, InPlace %d, Restart %d, Delete %d, Refused %d\n", plan.None, plan.InPlace, plan.Restart, plan.Delete, plan.Refused)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "WAVE\tCURRENT\tTOTAL\tUPDATED\tREADY\tFAILED\tNOT READY BEFORE")
	for i, wave := range shown.Status.Waves {
		current := ""
		if int32(i) == shown.Status.Wave {
			current = "*"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%d\n", wave.Name, current, wave.Total, wave.Updated, wave.Ready, wave.Failed, wave.NotReadyBefore)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, failed := range shown.Status.Failed {
		_, _ = fmt.Fprintf(w, "failed: %s/%s (%s)\n", failed.Namespace, failed.Name, failed.Reason)
	}
	return nil
}

func newStatusCommand() *cobra.Command {
	var o rolloutOptions
	var watch bool
	cmd := &cobra.Command{
		Use:   "status [templates[/DIGEST]]",
		Short: "Print the progress of a rollout of templates",
		Long: `Print the waves of a rollout of templates: the current rollout, or that of a digest or a revision.
With --watch, print them again after each change, until the rollout is complete, halted or
superseded.

The exit code is 0 if the rollout is complete or continues, 1 if it is halted or superseded, 2 if
an error occurred.`,
		Example: `  nufi rollout status --watch
  nufi rollout status templates/5c3a0de1b7f2 -o json`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.status(cmd, args, watch) },
	}
	o.clusterFlags.add(cmd)
	o.addOutput(cmd)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "wait for the end of the rollout")
	return cmd
}

func (o *rolloutOptions) status(cmd *cobra.Command, args []string, watch bool) error {
	show, err := printer(o.outputFlag, printRollout)
	if err != nil {
		return err
	}
	kube, current, err := o.rollout(cmd.Context(), args)
	if err != nil {
		return err
	}
	if err := show(cmd.OutOrStdout(), current); err != nil {
		return err
	}
	for watch && !rollout.HasEnded(current) {
		if err := awaitChange(cmd.Context(), kube, current); err != nil {
			return err
		}
		if err := show(cmd.OutOrStdout(), current); err != nil {
			return err
		}
	}
	if rollout.HasEnded(current) && !rollout.IsComplete(current) {
		return &exitError{code: exitDifferent, err: fmt.Errorf("%w: %s", errNotComplete, rollout.StateOf(current))}
	}
	return nil
}

// awaitChange watches a rollout until it has another version. A rollout that is deleted is an error.
func awaitChange(ctx context.Context, kube client.WithWatch, current *v1.TemplateRollout) error {
	for version := current.ResourceVersion; ; {
		events, err := kube.Watch(ctx, &v1.TemplateRolloutList{}, client.MatchingFields{"metadata.name": current.Name})
		if err != nil {
			return fmt.Errorf("watching TemplateRollouts: %w", err)
		}
		// A watch does not report what changed before it.
		if err := kube.Get(ctx, client.ObjectKeyFromObject(current), current); err != nil || current.ResourceVersion != version {
			events.Stop()
			return err
		}
		for event := range events.ResultChan() {
			changed, is := event.Object.(*v1.TemplateRollout)
			if !is || changed.ResourceVersion == version {
				continue
			}
			events.Stop()
			if event.Type == watch.Deleted {
				return fmt.Errorf("%s: %w", current.Name, errDeleted)
			}
			*current = *changed
			return nil
		}
		events.Stop() // The server ended the watch.
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// newRequestCommand returns a command that changes the spec of a TemplateRollout.
func newRequestCommand(request rollout.Request) *cobra.Command {
	var cluster clusterFlags
	cmd := &cobra.Command{
		Use:     string(request) + " [templates[/DIGEST]]",
		Short:   request.Summary(),
		Example: "  nufi rollout " + string(request) + "\n  nufi rollout " + string(request) + " templates/5c3a0de1b7f2",
		Args:    arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			kube, current, err := cluster.rollout(cmd.Context(), args)
			if err != nil {
				return err
			}
			change, err := request.Patch(current)
			if err != nil {
				return fmt.Errorf("%s: %w", current.Name, err)
			}
			if err := kube.Patch(cmd.Context(), current, client.RawPatch(types.MergePatchType, change), client.FieldOwner("nufi")); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "templaterollout.dudaji.com/%s %s\n", current.Name, request.Done())
			return err
		},
	}
	cluster.add(cmd)
	return cmd
}
