package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

var (
	errOneName      = errors.New("name one NpuDeploy")
	errNoPromotion  = errors.New("name an NpuDeploy and one of its backends")
	errNoEndpoint   = errors.New("it has no endpoint: set spec.endpoint")
	errNotDivided   = errors.New("does not divide requests: use VirtualService or HTTPRoute")
	errNotWeight    = errors.New("not a weight: use BACKEND=WEIGHT with a whole number of at least 0")
	errNotServing   = errors.New("it has no ready pod and would serve nothing")
	errTwoOfOneName = errors.New("it is named twice")
	errNothingToGet = errors.New("the other backends have no weight: there are no requests to get step by step")
)

// trafficChange changes the spec of an NpuDeploy with an endpoint.
type trafficChange func(context.Context, client.Client, *v1.NpuDeploy) error

// trafficOptions are the flags of the commands that show or change a division of requests.
type trafficOptions struct {
	namespaceFlags
	outputFlag

	dryRun bool
}

func (o *trafficOptions) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "validate the change on the API server, and write nothing")
	o.namespaceFlags.add(cmd)
	o.addOutput(cmd)
}

func newTrafficCommand() *cobra.Command {
	var o trafficOptions
	cmd := &cobra.Command{
		Use:   "traffic NAME [BACKEND=WEIGHT...]",
		Short: "Print or change how the requests to the host of an NpuDeploy are divided",
		Long: `Divide the requests to the host of an NpuDeploy among existing NpuDeploys of its namespace, the
backends. The weights replace those in spec.endpoint.traffic.backends, and end a promotion in
steps. If NAME is not one of the backends, its weight is what they leave of 100, or 0 if that is
nothing. No pod restarts.

Without weights, print those of the spec and of the route, and the progress of a promotion.`,
		Example: `  nufi traffic chat -n ml-serving
  nufi traffic chat chat-v2=20 -n ml-serving
  nufi traffic chat chat=7 chat-v2=2 -n ml-serving --dry-run`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || strings.Contains(args[0], "=") {
				return errOneName
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			backends, err := parseWeights(args[1:])
			if err != nil {
				return err
			}
			var change trafficChange
			if len(backends) > 0 {
				change = func(ctx context.Context, kube client.Client, deploy *v1.NpuDeploy) error {
					traffic := trafficOf(deploy)
					traffic.Backends, traffic.Steps = backends, nil
					return requireBackends(ctx, kube, deploy)
				}
			}
			return o.run(cmd.Context(), args[0], change, cmd.OutOrStdout())
		},
	}
	o.add(cmd)
	return cmd
}

func newPromoteCommand() *cobra.Command {
	var o trafficOptions
	var inSteps bool
	cmd := &cobra.Command{
		Use:   "promote NAME BACKEND",
		Short: "Send all requests to the host of an NpuDeploy to one backend",
		Long: `Set the weight of the backend to 100, and that of all others in spec.endpoint.traffic.backends
to 0. This ends a promotion in steps. The backend must have a ready pod. No pod restarts, and
matches do not change. To roll back, promote NAME itself.

With --steps, the share of the backend grows in the steps of policy, as long as its errors and its
time to the first token stay within bounds of the other backends; otherwise it returns to 0. If
repeated, the promotion starts again at the first share.`,
		Example: `  nufi promote chat chat-v2 -n ml-serving
  nufi promote chat chat-v2 --steps -n ml-serving`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errNoPromotion
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			change := func(ctx context.Context, kube client.Client, deploy *v1.NpuDeploy) error {
				if err := requireReady(ctx, kube, deploy.Namespace, args[1]); err != nil {
					return err
				}
				if inSteps {
					return promoteInSteps(deploy, args[1])
				}
				promote(deploy, args[1])
				return nil
			}
			return o.run(cmd.Context(), args[0], change, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&inSteps, "steps", false, "let the share of the backend grow step by step")
	o.add(cmd)
	return cmd
}

// parseWeights parses BACKEND=WEIGHT arguments.
func parseWeights(args []string) ([]v1.TrafficBackend, error) {
	var backends []v1.TrafficBackend
	for _, arg := range args {
		name, text, _ := strings.Cut(arg, "=")
		weight, err := strconv.ParseInt(text, 10, 32)
		if err != nil || weight < 0 || name == "" {
			return nil, fmt.Errorf("%s: %w", arg, errNotWeight)
		}
		if slices.ContainsFunc(backends, func(backend v1.TrafficBackend) bool { return backend.Name == name }) {
			return nil, fmt.Errorf("%s: %w", name, errTwoOfOneName)
		}
		backends = append(backends, v1.TrafficBackend{Name: name, Weight: int32(weight)})
	}
	return backends, nil
}

// trafficOf returns the traffic of a spec with an endpoint, and adds it if it is absent.
func trafficOf(deploy *v1.NpuDeploy) *v1.Traffic {
	if deploy.Spec.Endpoint.Traffic == nil {
		deploy.Spec.Endpoint.Traffic = &v1.Traffic{}
	}
	return deploy.Spec.Endpoint.Traffic
}

// requireBackends returns an error if a backend with a weight does not exist.
func requireBackends(ctx context.Context, kube client.Client, deploy *v1.NpuDeploy) error {
	for _, backend := range deploy.Spec.Endpoint.Traffic.Backends {
		if backend.Weight == 0 {
			continue
		}
		if err := kube.Get(ctx, client.ObjectKey{Namespace: deploy.Namespace, Name: backend.Name}, &v1.NpuDeploy{}); err != nil {
			return err
		}
	}
	return nil
}

// requireReady returns an error unless an NpuDeploy has a ready pod.
func requireReady(ctx context.Context, kube client.Client, namespace, name string) error {
	var backend v1.NpuDeploy
	if err := kube.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &backend); err != nil {
		return err
	}
	if backend.Status.ReadyReplicas == 0 {
		return fmt.Errorf("%s: %w", name, errNotServing)
	}
	return nil
}

// promoteInSteps sets steps to the backend. Steps that it has already begin again.
func promoteInSteps(deploy *v1.NpuDeploy, name string) error {
	traffic := trafficOf(deploy)
	if traffic.Steps != nil && traffic.Steps.Backend == name {
		traffic.Steps.Retries++
		return nil
	}
	others := slices.DeleteFunc(slices.Clone(traffic.Backends), func(b v1.TrafficBackend) bool { return b.Name == name })
	isListed := name == deploy.Name || slices.ContainsFunc(others, func(b v1.TrafficBackend) bool { return b.Name == deploy.Name })
	if isListed && !slices.ContainsFunc(others, func(b v1.TrafficBackend) bool { return b.Weight > 0 }) {
		return errNothingToGet
	}
	traffic.Backends, traffic.Steps = others, &v1.TrafficSteps{Backend: name}
	return nil
}

// promote sets the weights so that the backend has all requests.
func promote(deploy *v1.NpuDeploy, name string) {
	traffic := trafficOf(deploy)
	traffic.Steps = nil
	for _, required := range []string{deploy.Name, name} {
		if !slices.ContainsFunc(traffic.Backends, func(b v1.TrafficBackend) bool { return b.Name == required }) {
			traffic.Backends = append(traffic.Backends, v1.TrafficBackend{Name: required})
		}
	}
	for i := range traffic.Backends {
		traffic.Backends[i].Weight = 0
		if traffic.Backends[i].Name == name {
			traffic.Backends[i].Weight = 100
		}
	}
}

// run shows the division of requests, after a change if there is one.
func (o *trafficOptions) run(ctx context.Context, argument string, change trafficChange, out io.Writer) error {
	name, err := deployName(argument)
	if err != nil {
		return err
	}
	show, err := printer(o.outputFlag, func(w io.Writer, rows []trafficRow) error { return printTraffic(w, name, rows) })
	if err != nil {
		return err
	}
	kube, err := o.client()
	if err != nil {
		return err
	}
	var deploy v1.NpuDeploy
	if err := kube.Get(ctx, client.ObjectKey{Namespace: o.namespace, Name: name}, &deploy); err != nil {
		return err
	}
	if change != nil {
		if err := o.change(ctx, kube, &deploy, change); err != nil {
			return fmt.Errorf("changing %s/%s: %w", o.namespace, name, err)
		}
	}
	if err := show(out, trafficRows(&deploy)); err != nil || o.output != "table" {
		return err
	}
	return printPromotion(out, &deploy)
}

// printPromotion prints the progress of the steps of the spec, if the controller reported it.
func printPromotion(out io.Writer, deploy *v1.NpuDeploy) error {
	promoted := meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionPromoted)
	if promoted == nil || deploy.Spec.Endpoint == nil || deploy.Spec.Endpoint.Traffic == nil || deploy.Spec.Endpoint.Traffic.Steps == nil {
		return nil
	}
	_, err := fmt.Fprintf(out, "\n%s: %s\n", promoted.Reason, promoted.Message)
	return err
}

// change writes a change of the spec. If another user changes the spec at the same time, nothing is written.
func (o *trafficOptions) change(ctx context.Context, kube client.Client, deploy *v1.NpuDeploy, change trafficChange) error {
	if deploy.Spec.Endpoint == nil {
		return errNoEndpoint
	}
	// The controller rejects an absent kind for which policy chooses one of these.
	kind := deploy.Spec.Endpoint.Kind
	if slices.Contains([]v1.EndpointKind{v1.EndpointIngress, v1.EndpointInferencePool, v1.EndpointNone}, kind) {
		return fmt.Errorf("spec.endpoint.kind: %s %w", kind, errNotDivided)
	}
	options := []client.PatchOption{client.FieldOwner("nufi")}
	if o.dryRun {
		options = append(options, client.DryRunAll)
	}
	return writeSpec(ctx, kube, deploy, func() error {
		before := deploy.DeepCopy()
		if err := change(ctx, kube, deploy); err != nil {
			return err
		}
		return kube.Patch(ctx, deploy, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), options...)
	})
}

// writeSpec calls write, which writes the version of an NpuDeploy that was read. It reads the NpuDeploy again and repeats
// the call if others have changed it since then, but not its spec. An NpuDeploy that was created anew is another one.
func writeSpec(ctx context.Context, kube client.Client, deploy *v1.NpuDeploy, write func() error) error {
	uid, generation := deploy.UID, deploy.Generation
	return retry.OnError(retry.DefaultRetry, func(err error) bool {
		var read v1.NpuDeploy
		if !apierrors.IsConflict(err) || kube.Get(ctx, client.ObjectKeyFromObject(deploy), &read) != nil {
			return false
		}
		if read.UID != uid || read.Generation != generation {
			return false
		}
		*deploy = read
		return true
	}, write)
}

// trafficRow is a backend in the output.
type trafficRow struct {
	Backend string `json:"backend"`
	// Weight is the weight in the spec, or nil if the spec does not list the backend.
	Weight *int32 `json:"weight,omitempty"`
	// Routed is the weight in the route, and State the reason for it: those that the controller
	// reported last. They are empty before that.
	Routed *int32          `json:"routed,omitempty"`
	State  v1.BackendState `json:"state,omitempty"`
}

func trafficRows(deploy *v1.NpuDeploy) []trafficRow {
	rows := []trafficRow{}
	if endpoint := deploy.Spec.Endpoint; endpoint != nil && endpoint.Traffic != nil {
		for _, backend := range endpoint.Traffic.Backends {
			rows = append(rows, trafficRow{Backend: backend.Name, Weight: &backend.Weight})
		}
	}
	for _, share := range deploy.Status.Traffic {
		i := slices.IndexFunc(rows, func(row trafficRow) bool { return row.Backend == share.Name })
		if i < 0 {
			i, rows = len(rows), append(rows, trafficRow{Backend: share.Name})
		}
		rows[i].Routed, rows[i].State = &share.Weight, share.State
	}
	return rows
}

func printTraffic(out io.Writer, name string, rows []trafficRow) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintf(out, "npudeploy.dudaji.com/%s gets all requests to its host\n", name)
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "BACKEND\tWEIGHT\tROUTED\tSTATE")
	for _, row := range rows {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", row.Backend, number(row.Weight), number(row.Routed), cmp.Or(string(row.State), "-"))
	}
	return table.Flush()
}

func number(value *int32) string {
	if value == nil {
		return "-"
	}
	return strconv.Itoa(int(*value))
}
