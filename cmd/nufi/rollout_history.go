package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/history"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// deployHistory is an NpuDeploy with its revisions, the oldest first.
type deployHistory struct {
	deploy    v1.NpuDeploy
	revisions []history.Revision
}

func readHistory(ctx context.Context, kube client.Client, key client.ObjectKey) (*deployHistory, error) {
	var read deployHistory
	if err := kube.Get(ctx, key, &read.deploy); err != nil {
		return nil, err
	}
	var stored appsv1.ControllerRevisionList
	err := kube.List(ctx, &stored, client.InNamespace(key.Namespace), client.MatchingLabels{v1.LabelDeploy: key.Name})
	if err != nil {
		return nil, fmt.Errorf("listing revisions: %w", err)
	}
	read.revisions = history.All(&read.deploy, stored.Items)
	return &read, nil
}

func printRevisions(w io.Writer, revisions []history.Revision) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "REVISION\tCURRENT\tCHANGED BY\tAGE\tMODEL")
	for _, revision := range revisions {
		current, changed := "", "-"
		if revision.IsCurrent {
			current = "*"
		}
		if revision.ChangedAt != nil {
			changed = duration.HumanDuration(time.Since(revision.ChangedAt.Time))
		}
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", revision.Number, current, orDash(revision.ChangedBy), changed, orDash(revision.Spec.Model))
	}
	return table.Flush()
}

func newHistoryCommand() *cobra.Command {
	var o rolloutOptions
	cmd := &cobra.Command{
		Use:   "history [NAME | templates]",
		Short: "List the earlier specs of an NpuDeploy, or the rollouts of templates",
		Long: `List the specs of an NpuDeploy, the oldest first. The controller stores the last ten, or as many
as policy's specHistory sets, from the first change on. They do not include the number of replicas.

Without a name, list the rollouts of templates. For an NpuDeploy whose name is templates, use
npudeploy/templates.`,
		Example: `  nufi rollout history llama-8b -n npu-serving
  nufi rollout history deploy/llama-8b -n npu-serving -o json
  nufi rollout history templates`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "templates" {
				return o.rollouts(cmd)
			}
			show, err := printer(o.outputFlag, printRevisions)
			if err != nil {
				return err
			}
			read, err := o.read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), read.revisions)
		},
	}
	o.add(cmd)
	o.addOutput(cmd)
	return cmd
}

// rollouts lists the rollouts of templates.
func (o *rolloutOptions) rollouts(cmd *cobra.Command) error {
	show, err := printer(o.outputFlag, printRollouts)
	if err != nil {
		return err
	}
	kube, err := o.clusterFlags.client()
	if err != nil {
		return err
	}
	rollouts, err := listRollouts(cmd.Context(), kube)
	if err != nil {
		return err
	}
	slices.Reverse(rollouts) // as revisions: the oldest first
	return show(cmd.OutOrStdout(), rollouts)
}

func newRolloutDiffCommand() *cobra.Command {
	var o rolloutOptions
	var controllerNamespace string
	cmd := &cobra.Command{
		Use:   "diff NAME REVISION [REVISION] | templates/A templates/B",
		Short: "Compare two specs of an NpuDeploy, or two sets of templates",
		Long: `Print the difference between two specs of an NpuDeploy: a revision and the current spec, or two
revisions, which nufi rollout history lists.

For two sets of templates, print the difference between their files. The controller stores the sets
as ControllerRevisions in its namespace, which the user must be allowed to list.

The exit code is 0 if nothing differs, 1 if something does, 2 if an error occurred.`,
		Example: `  nufi rollout diff llama-8b 3
  nufi rollout diff llama-8b 1 3
  nufi rollout diff templates/6 templates/7
  nufi rollout diff templates/5c3a0de1b7f2 templates`,
		Args: arguments(cobra.RangeArgs(2, 3)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, is := isTemplates(args[0]); is && len(args) == 2 {
				return o.diffTemplates(cmd.Context(), args, controllerNamespace, cmd.OutOrStdout())
			}
			read, err := o.read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return read.diff(cmd.OutOrStdout(), args[1:])
		},
	}
	o.add(cmd)
	cmd.Flags().StringVar(&controllerNamespace, "controller-namespace", "", "namespace in which the controller keeps the templates (default: the one that the rollouts name)")
	return cmd
}

// diff compares two revisions, or one with the current spec.
func (h *deployHistory) diff(w io.Writer, numbers []string) error {
	var sides []history.Revision
	for _, number := range numbers {
		parsed, err := parseRevision(number)
		if err != nil {
			return err
		}
		revision, err := history.Find(h.revisions, parsed)
		if err != nil {
			return err
		}
		sides = append(sides, revision)
	}
	for _, revision := range h.revisions {
		if revision.IsCurrent && len(sides) == 1 {
			sides = append(sides, revision)
		}
	}
	var texts [2][]byte
	for i := range texts {
		var err error
		if texts[i], err = yaml.Marshal(sides[i].Spec); err != nil {
			return err
		}
	}
	name := func(r history.Revision) string { return fmt.Sprintf("%s revision %d", h.deploy.Name, r.Number) }
	delta := diff.Diff(name(sides[0]), texts[0], name(sides[1]), texts[1])
	if len(delta) == 0 {
		return nil
	}
	if _, err := w.Write(delta); err != nil {
		return err
	}
	return &exitError{code: exitDifferent}
}

func parseRevision(number string) (int64, error) {
	parsed, err := strconv.ParseInt(number, 10, 64)
	if err != nil || parsed < 1 {
		return 0, fmt.Errorf("revision %q: %w", number, errNoRevision)
	}
	return parsed, nil
}

func newUndoCommand() *cobra.Command {
	var o rolloutOptions
	var revision int64
	cmd := &cobra.Command{
		Use:   "undo NAME",
		Short: "Restore an earlier spec of an NpuDeploy",
		Long: `Replace the spec of an NpuDeploy by that of an earlier revision: the previous one, or that of
--to-revision. The number of replicas does not change. This is a change by the user like any other,
so GitOps may write its own spec again. If another client changes the NpuDeploy at the same time,
nothing is written.`,
		Example: `  nufi rollout undo llama-8b -n npu-serving
  nufi rollout undo deploy/llama-8b --to-revision 2`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("to-revision") && revision < 1 {
				return fmt.Errorf("--to-revision %d: %w", revision, errNoRevision)
			}
			return o.undo(cmd.Context(), args[0], revision, cmd.OutOrStdout())
		},
	}
	o.add(cmd)
	cmd.Flags().Int64Var(&revision, "to-revision", 0, "number of the revision (default: the previous one)")
	return cmd
}

func (o *rolloutOptions) undo(ctx context.Context, name string, number int64, out io.Writer) error {
	read, err := o.read(ctx, name)
	if err != nil {
		return err
	}
	deploy := &read.deploy
	revision, err := history.Find(read.revisions, number)
	if err != nil {
		return fmt.Errorf("npudeploy %s: %w", deploy.Name, err)
	}
	if revision.IsCurrent {
		_, err := fmt.Fprintf(out, "npudeploy.dudaji.com/%s has the spec of revision %d already\n", deploy.Name, revision.Number)
		return err
	}
	// With the resource version that was read, a change of another client is not overwritten.
	err = writeSpec(ctx, o.kube, deploy, func() error {
		deploy.Spec = history.Restore(revision, &deploy.Spec)
		return o.kube.Update(ctx, deploy, client.FieldOwner("nufi"))
	})
	if apierrors.IsConflict(err) {
		return fmt.Errorf("npudeploy %s changed since it was read, run the command again: %w", deploy.Name, err)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "npudeploy.dudaji.com/%s returns to the spec of revision %d\n", deploy.Name, revision.Number)
	return err
}
