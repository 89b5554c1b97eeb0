package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/plan"
	"github.com/dudaji/nufi/controller/render"
	"github.com/dudaji/nufi/controller/templates"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

type planOptions struct {
	before, after, output   string
	kubeconfig, kubeContext string
}

func newPlanCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan --templates DIR",
		Short: "Say what a change of templates would do to every live deployment",
		Long: `Say what replacing the templates would do to every NpuDeploy of a cluster: None, InPlace,
Restart (its pods are replaced), Delete (an object goes), or Refused (its spec would not
render any more, and what runs would stay as it is). Nothing is written; NpuDeploys
and Projects are all that is read.

The exit code is 0 if nothing would change, 1 if something would, 2 if the question could
not be answered or a spec would be refused.`,
		Example: `  nufi plan --templates .
  nufi plan --templates . --from /etc/nufi/templates -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			deploys, err := makePlan(cmd.Context(), o)
			if err != nil {
				return &exitError{code: exitTrouble, err: err}
			}
			if err := printPlan(cmd.OutOrStdout(), o.output, deploys); err != nil {
				return &exitError{code: exitTrouble, err: err}
			}
			return planExit(deploys)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.after, "templates", "", "folder of a CUE module: the templates to come")
	flags.StringVar(&o.before, "from", "", "folder of a CUE module: the templates in use (default: those compiled in)")
	flags.StringVarP(&o.output, "output", "o", "table", "table or json")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file (default $KUBECONFIG, or ~/.kube/config)")
	flags.StringVar(&o.kubeContext, "context", "", "context of the kubeconfig (default the current one)")
	_ = cmd.MarkFlagRequired("templates")
	return cmd
}

func makePlan(ctx context.Context, o planOptions) ([]plan.Deploy, error) {
	before, err := templates.Open(o.before, templates.Hooks{})
	if err != nil {
		return nil, err
	}
	after, err := templates.Open(o.after, templates.Hooks{})
	if err != nil {
		return nil, err
	}
	kube, err := clientFor(o.kubeconfig, o.kubeContext)
	if err != nil {
		return nil, err
	}
	var live v1.NpuDeployList
	if err := kube.List(ctx, &live, &client.ListOptions{}); err != nil {
		return nil, fmt.Errorf("listing NpuDeploys: %w", err)
	}
	var projects v1.ProjectList
	if err := kube.List(ctx, &projects); err != nil {
		return nil, fmt.Errorf("listing Projects: %w", err)
	}
	return plan.All(before.Serving(), after.Serving(), live.Items, render.FactsByNamespace(projects.Items)), nil
}

func planExit(deploys []plan.Deploy) error {
	switch plan.Worst(deploys) {
	case render.None:
		return nil
	case render.Refused:
		return &exitError{code: exitTrouble}
	default:
		return &exitError{code: exitDifferent}
	}
}

func printPlan(w io.Writer, output string, deploys []plan.Deploy) error {
	switch output {
	case "table":
		return printPlanTable(w, deploys)
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(deploys)
	default:
		return fmt.Errorf("-o %s: %w: use table or json", output, errNoSuchOutput)
	}
}

func printPlanTable(w io.Writer, deploys []plan.Deploy) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAMESPACE\tNAME\tEFFECT\tCHANGES")
	for _, deploy := range deploys {
		words := []string{}
		for _, change := range deploy.Changes {
			words = append(words, fmt.Sprintf("%s (%s)", change.Object, change.Effect))
		}
		if deploy.Message != "" {
			words = append(words, deploy.Message)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", deploy.Namespace, deploy.Name, deploy.Effect, strings.Join(words, ", "))
	}
	return table.Flush()
}
