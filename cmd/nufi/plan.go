package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/plan"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	// The garbage collector of a plan works harder above planMemory, in bytes.
	planGCPercent = 400
	planMemory    = 320 << 20
	// planPage is how many NpuDeploys are listed at a time.
	planPage = 500
)

type planOptions struct {
	clusterFlags
	outputFlag

	before, after string
}

func newPlanCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan --templates DIR",
		Short: "Print the effect of new templates on all live objects",
		Long: `Print what would happen to every NpuDeploy and Project of a cluster if the templates were replaced:

  None      nothing
  InPlace   objects change, but no pod of a server restarts
  Restart   pods are replaced
  Delete    an object is deleted
  Refused   the spec no longer renders; its objects stay as they are

Nothing is written, and only NpuDeploys and Projects are read. If the user may not list Projects, a
message says so, and NpuDeploys are rendered without the settings of their Projects.

The waves in which the controller would update the NpuDeploys with automatic updates follow. They
are configured by change in the policy of the new templates.

The exit code is 0 if nothing would change, 1 if something would, 2 if an error occurred or a
spec would be refused.`,
		Example: `  nufi plan --templates .
  nufi plan --templates . --from /etc/nufi/templates -o json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, err := printer(o.outputFlag, printPlan)
			if err != nil {
				return err
			}
			planned, err := makePlan(cmd, o)
			if err != nil {
				return err
			}
			if err := write(cmd.OutOrStdout(), planned); err != nil {
				return err
			}
			return planExit(planned.Effect)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.after, "templates", "", "folder of a CUE module: the new templates")
	flags.StringVar(&o.before, "from", "", "folder of a CUE module: the templates in use (default: the compiled-in ones)")
	o.addOutput(cmd)
	o.add(cmd)
	_ = cmd.MarkFlagRequired("templates")
	return cmd
}

func makePlan(cmd *cobra.Command, o planOptions) (*plan.Plan, error) {
	sets, err := o.sets()
	if err != nil {
		return nil, err
	}
	kube, err := o.client()
	if err != nil {
		return nil, err
	}
	deploys, err := listSpecs(cmd.Context(), kube)
	if err != nil {
		return nil, fmt.Errorf("listing NpuDeploys: %w", err)
	}
	var projects v1.ProjectList
	err = kube.List(cmd.Context(), &projects)
	switch {
	case apierrors.IsForbidden(err), meta.IsNoMatchError(err):
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "nufi: left out Projects:", err)
	case err != nil:
		return nil, fmt.Errorf("listing Projects: %w", err)
	}
	// Renders leave little but garbage, so more memory spares much of its collection.
	defer debug.SetGCPercent(debug.SetGCPercent(planGCPercent))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(planMemory))
	return sets.Compare(deploys, projects.Items, render.SettingsByNamespace(projects.Items)), nil
}

// listSpecs lists what a plan reads of all NpuDeploys, by pages: whole ones would take most of the memory.
func listSpecs(ctx context.Context, kube client.Reader) ([]v1.NpuDeploy, error) {
	var deploys []v1.NpuDeploy
	for page := (client.ListOptions{Limit: planPage}); ; {
		var list v1.NpuDeployList
		if err := kube.List(ctx, &list, &page); err != nil {
			return nil, err
		}
		deploys = append(deploys, templates.Live{Deploys: list.Items}.Specs().Deploys...)
		if page.Continue = list.Continue; page.Continue == "" {
			return deploys, nil
		}
	}
}

// sets compiles the templates in use and the new ones.
func (o planOptions) sets() (plan.Sets, error) {
	before, err := templates.Module(o.before)
	if err != nil {
		return plan.Sets{}, err
	}
	after, err := templates.Module(o.after)
	if err != nil {
		return plan.Sets{}, err
	}
	return plan.Compile(before, after, time.Now())
}

func planExit(effect render.Effect) error {
	switch effect {
	case render.None:
		return nil
	case render.Refused:
		return &exitError{code: exitFailure}
	default:
		return &exitError{code: exitDifferent}
	}
}

func printPlan(w io.Writer, planned *plan.Plan) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "KIND\tNAMESPACE\tNAME\tEFFECT\tCHANGES")
	printImpacts(table, v1.Kind, planned.Deploys)
	printImpacts(table, v1.KindProject, planned.Projects)
	if len(planned.Waves) > 0 {
		_, _ = fmt.Fprintln(table, "\nWAVE\tNPUDEPLOYS")
	}
	for _, wave := range planned.Waves {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", wave.Name, strings.Join(wave.Deploys, ", "))
	}
	return table.Flush()
}

func printImpacts(table io.Writer, kind string, impacts []plan.Impact) {
	for _, impact := range impacts {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", kind, impact.Namespace, impact.Name, impact.Effect, impact.Describe())
	}
}
