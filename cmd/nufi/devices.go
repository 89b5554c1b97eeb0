package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/cmd/internal/program"
	"github.com/dudaji/nufi/fetchers"
)

// The exit codes of devices, beside 2 for all that is not listed.
const (
	exitUnreachable  = 3
	exitUnauthorized = 4
	exitNoDevices    = 5
)

var errNoDevices = errors.New("no devices")

type devicesFlags struct {
	connection program.PrometheusFlags
	output     string
	watch      bool
	interval   time.Duration
	timeout    time.Duration
	maxAge     time.Duration
}

func newDevicesCommand() *cobra.Command {
	var flags devicesFlags
	cmd := &cobra.Command{
		Use:   "devices --prometheus URL",
		Short: "Print the accelerators of a cluster",
		Long: `Print the accelerators of a cluster, as their exporters report them to Prometheus:
utilization, memory, temperature, power, health, and the pod that holds each. A value
that no exporter reports is "-".

A vendor whose metrics cannot be read is reported on stderr; the others are printed. With
--watch its last values are kept, and marked as stale.

Exit codes: 0 if devices were printed, 3 if Prometheus cannot be reached, 4 if it rejects
the credentials, 5 if it has no device (the message has the reason), 2 for any other error.`,
		Example: `  kubectl -n monitoring port-forward svc/prometheus-operated 9090 &
  nufi devices --prometheus http://localhost:9090
  nufi devices --prometheus https://prometheus.example --token-file token --ca-file ca.crt -o json
  nufi devices --prometheus http://localhost:9090 --watch`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return devices(cmd, flags) },
	}
	flags.connection.Add(cmd.Flags(), "")
	cobra.CheckErr(cmd.MarkFlagRequired("prometheus"))
	cmd.Flags().StringVarP(&flags.output, "output", "o", "table", "table, json or yaml")
	completeOutput(cmd, "table", "json", "yaml")
	cmd.Flags().BoolVarP(&flags.watch, "watch", "w", false, "print again whenever something changes")
	cmd.Flags().DurationVar(&flags.interval, "interval", 15*time.Second, "time between two queries of --watch")
	cmd.Flags().DurationVar(&flags.timeout, "timeout", 10*time.Second, "time-out of a query")
	cmd.Flags().DurationVar(&flags.maxAge, "max-age", fetchers.DefaultMaxAge, "maximum age of a sample")
	return cmd
}

func devices(cmd *cobra.Command, flags devicesFlags) error {
	show, err := devicePrinter(flags.output)
	if err != nil {
		return err
	}
	if flags.interval <= 0 || flags.timeout <= 0 || flags.maxAge <= 0 {
		return errors.New("--interval, --timeout and --max-age: must be more than 0s")
	}
	querier, err := flags.connection.Querier()
	if err != nil {
		return err
	}
	collector := fetchers.NewCollector(fetchers.NewFetchers(flags.maxAge, time.Now), querier, flags.timeout, time.Now)
	if flags.watch {
		poller := fetchers.NewPoller(collector, flags.interval, clock.RealClock{}, rand.Float64)
		return watchDevices(cmd.Context(), poller, show, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	snapshot := collector.Collect(cmd.Context(), nil)
	if err := checkDevices(snapshot); err != nil {
		return err
	}
	printDiagnostics(cmd.ErrOrStderr(), snapshot)
	return show(cmd.OutOrStdout(), snapshot)
}

// watchDevices prints changes until the context ends.
func watchDevices(ctx context.Context, poller *fetchers.Poller, show devicePrint, out, stderr io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := poller.Subscribe(ctx)
	go poller.Run(ctx)
	for snapshot := range changes {
		if err := checkDevices(snapshot); err != nil {
			_, _ = fmt.Fprintln(stderr, "nufi:", err)
		} else {
			printDiagnostics(stderr, snapshot)
		}
		if err := show(out, snapshot); err != nil {
			return err
		}
	}
	return nil
}

// checkDevices returns an error with an exit code if the snapshot has no device.
func checkDevices(snapshot *fetchers.Snapshot) error {
	var firstErr error
	failed := 0
	for _, vendor := range snapshot.Vendors() {
		if vendor.Devices > 0 {
			return nil
		}
		if vendor.Err != nil {
			failed++
			firstErr = cmp.Or(firstErr, vendor.Err)
		}
	}
	switch {
	case firstErr == nil:
		return &exitError{code: exitNoDevices, err: noDevices(snapshot)}
	case errors.Is(firstErr, fetchers.ErrUnreachable), errors.Is(firstErr, context.DeadlineExceeded):
		return &exitError{code: exitUnreachable, err: withoutVendor(firstErr)}
	case errors.Is(firstErr, fetchers.ErrUnauthorized):
		return &exitError{code: exitUnauthorized, err: withoutVendor(firstErr)}
	case failed == len(snapshot.Vendors()):
		return withoutVendor(firstErr)
	}
	return firstErr
}

// withoutVendor returns the error of a vendor's query that concerns the queries of all vendors.
func withoutVendor(err error) error {
	return fmt.Errorf("querying Prometheus: %w", cmp.Or(errors.Unwrap(err), err))
}

// noDevices explains why there is no device: Prometheus has no samples, or none is usable.
func noDevices(snapshot *fetchers.Snapshot) error {
	var reasons, remarks []string
	dropped := fetchers.Drops{}
	for _, vendor := range snapshot.Vendors() {
		if len(vendor.Diagnostics.Dropped) > 0 {
			reasons = append(reasons, fmt.Sprintf("%s samples: %s", vendor.Type, vendor.Diagnostics.Dropped))
		}
		maps.Copy(dropped, vendor.Diagnostics.Dropped)
		for _, warning := range vendor.Diagnostics.Warnings {
			if warning = "Prometheus warns: " + warning; !slices.Contains(remarks, warning) {
				remarks = append(remarks, warning)
			}
		}
	}
	if len(reasons) == 0 {
		reasons = []string{"Prometheus has no recent samples of the supported accelerators' metrics"}
	}
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		if text := remedy(reason); text != "" {
			remarks = append(remarks, text)
		}
	}
	return fmt.Errorf("%w: %s", errNoDevices, strings.Join(append(reasons, remarks...), "; "))
}

// remedy returns how to resolve the cause of dropped samples.
func remedy(reason fetchers.DropReason) string {
	return map[fetchers.DropReason]string{
		fetchers.Outdated:   "raise --max-age if remote write lags",
		fetchers.FromFuture: "compare the clocks of this machine, of Prometheus and of the exporters",
		fetchers.NoNode:     "let the scrape add the label node",
		fetchers.NoDevice:   "let the scrape keep the exporter's labels",
	}[reason]
}

// printDiagnostics reports failed vendors, dropped samples and Prometheus's warnings.
func printDiagnostics(stderr io.Writer, snapshot *fetchers.Snapshot) {
	for _, vendor := range snapshot.Vendors() {
		if vendor.Err != nil {
			_, _ = fmt.Fprintln(stderr, "nufi:", vendor.Err)
		}
		if len(vendor.Diagnostics.Dropped) > 0 {
			_, _ = fmt.Fprintf(stderr, "nufi: %s: dropped samples: %s\n", vendor.Type, vendor.Diagnostics.Dropped)
		}
		for _, warning := range vendor.Diagnostics.Warnings {
			_, _ = fmt.Fprintf(stderr, "nufi: %s: Prometheus warns: %s\n", vendor.Type, warning)
		}
	}
}
