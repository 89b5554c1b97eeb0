package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

var (
	errNotManual  = errors.New("its updates are automatic: set spec.updates to Manual")
	errNoName     = errors.New("name an NpuDeploy")
	errNoRevision = errors.New("not the number of a revision: nufi rollout history lists them")
	errHalted     = errors.New("halted")
	errNoType     = errors.New("use NAME or deploy/NAME")
	errNoDigest   = errors.New("not a digest of templates: use sha256: and twelve hexadecimal digits, as in status.templates")
)

func newRolloutCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollout",
		Short: "Undo changes of NpuDeploys, and manage rollouts of templates",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() }, // Without it, cobra ignores Args.
	}
	cmd.AddCommand(newUpdateCommand(), newHistoryCommand(), newRolloutDiffCommand(), newUndoCommand(), newStatusCommand())
	for _, request := range rollout.Requests() {
		cmd.AddCommand(newRequestCommand(request))
	}
	return cmd
}

// rolloutOptions are the flags of the commands for one NpuDeploy.
type rolloutOptions struct {
	namespaceFlags
	outputFlag

	kube client.Client // after read
}

// read reads the NpuDeploy that an argument names, with its history.
func (o *rolloutOptions) read(ctx context.Context, argument string) (*deployHistory, error) {
	name, err := deployName(argument)
	if err != nil {
		return nil, err
	}
	if o.kube, err = o.client(); err != nil {
		return nil, err
	}
	return readHistory(ctx, o.kube, client.ObjectKey{Namespace: o.namespace, Name: name})
}

// deployName returns the name in NAME or TYPE/NAME.
func deployName(argument string) (string, error) {
	kind, name, typed := strings.Cut(argument, "/")
	if !typed {
		return argument, nil
	}
	switch strings.ToLower(kind) {
	case "deploy", "npudeploy", "npudeploys", "npudeploy.dudaji.com", "npudeploys.dudaji.com":
		return name, nil
	}
	return "", fmt.Errorf("%s: %w", argument, errNoType)
}

type updateOptions struct {
	namespaceFlags

	to string
}

func newUpdateCommand() *cobra.Command {
	var o updateOptions
	cmd := &cobra.Command{
		Use:   "update NAME...",
		Short: "Apply the platform's newest templates to NpuDeploys with manual updates",
		Long: `Update NpuDeploys whose updates are manual, by spec.updates or by policy, to the templates that
their status.update names. The condition UpdateAvailable describes the effect. With --to, use
other templates, such as earlier ones: the controller keeps the last ten sets, and those in use.`,
		Example: `  nufi rollout update llama-8b -n npu-serving
  nufi rollout update llama-8b -n npu-serving --to sha256:5c3a0de1b7f2`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errNoName
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, names []string) error { return o.run(cmd.Context(), names, cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&o.to, "to", "", "digest of the templates (default: those of status.update)")
	o.add(cmd)
	return cmd
}

func (o *updateOptions) run(ctx context.Context, names []string, out io.Writer) error {
	if o.to != "" && !rollout.IsDigest(o.to) {
		return fmt.Errorf("--to %s: %w", o.to, errNoDigest)
	}
	kube, err := o.client()
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if err := o.update(ctx, kube, name, out); err != nil {
			errs = append(errs, fmt.Errorf("updating %s/%s: %w", o.namespace, name, err))
		}
	}
	return errors.Join(errs...)
}

// requireNotHalted returns an error if the newest rollout of a set is halted. A user who may not list
// TemplateRollouts is not warned.
func requireNotHalted(ctx context.Context, kube client.Client, digest string) error {
	rollouts, _ := listRollouts(ctx, kube)
	if latest := rollout.LatestOf(rollouts); latest.IsHalted(digest) {
		return fmt.Errorf("templates %s are %w (%s): to use them all the same, set --to %[1]s", digest, errHalted, rollout.MessageOf(latest[digest]))
	}
	return nil
}

func (o *updateOptions) update(ctx context.Context, kube client.Client, argument string, out io.Writer) error {
	name, err := deployName(argument)
	if err != nil {
		return err
	}
	var deploy v1.NpuDeploy
	if err := kube.Get(ctx, client.ObjectKey{Namespace: o.namespace, Name: name}, &deploy); err != nil {
		return err
	}
	if deploy.Spec.Updates != v1.UpdateManual && deploy.Status.Update == nil { // Policy can make it manual too.
		return errNotManual
	}
	digest, effect := o.to, ""
	if update := deploy.Status.Update; update != nil && cmp.Or(o.to, update.Templates) == update.Templates {
		digest, effect = update.Templates, " ("+update.Effect+")"
	}
	if o.to == "" {
		if err := requireNotHalted(ctx, kube, digest); err != nil {
			return err
		}
	}
	if digest == "" {
		_, err := fmt.Fprintf(out, "npudeploy.dudaji.com/%s uses the newest templates\n", name)
		return err
	}
	before := deploy.DeepCopy()
	if deploy.Annotations == nil {
		deploy.Annotations = map[string]string{}
	}
	deploy.Annotations[v1.AnnotationUpdateTo] = digest
	if err := kube.Patch(ctx, &deploy, client.MergeFrom(before), client.FieldOwner("nufi")); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "npudeploy.dudaji.com/%s updates to templates %s%s\n", name, digest, effect)
	return err
}
