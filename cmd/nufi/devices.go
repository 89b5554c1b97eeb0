package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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

var errNoDevices = errors.New("no devices: Prometheus knows none of the metrics of the supported accelerators")

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
		Short: "Print what the accelerators say of themselves",
		Long: `Print the accelerators of a cluster, as their exporters describe them to Prometheus:
utilisation, memory, temperature, power, health, and the pod that holds each. What no
exporter says is shown as "-".

A vendor whose metrics cannot be read is reported on stderr; the others are printed. With
--watch its last numbers stay, and are marked as stale.

Exit codes: 0 if devices were printed, 3 if Prometheus cannot be reached, 4 if it wants
other credentials, 5 if it knows no device, 2 for anything else.`,
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
	cmd.Flags().BoolVarP(&flags.watch, "watch", "w", false, "print again whenever something changes")
	cmd.Flags().DurationVar(&flags.interval, "interval", 15*time.Second, "how often --watch asks")
	cmd.Flags().DurationVar(&flags.timeout, "timeout", 10*time.Second, "how long Prometheus may take")
	cmd.Flags().DurationVar(&flags.maxAge, "max-age", fetchers.DefaultMaxAge, "how old a sample may be")
	return cmd
}

func devices(cmd *cobra.Command, flags devicesFlags) error {
	show, err := devicePrinter(flags.output)
	if err != nil {
		return err
	}
	if flags.interval <= 0 || flags.timeout <= 0 || flags.maxAge <= 0 {
		return errors.New("--interval, --timeout and --max-age: want more than 0s")
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

// verdict is an error if the snapshot shows no device at all.
func checkDevices(snapshot *fetchers.Snapshot) error {
	var firstErr error
	for _, vendor := range snapshot.Vendors() {
		if vendor.Devices > 0 {
			return nil
		}
		if firstErr == nil {
			firstErr = vendor.Err
		}
	}
	switch {
	case firstErr == nil:
		return &exitError{code: exitNoDevices, err: errNoDevices}
	case errors.Is(firstErr, fetchers.ErrUnreachable), errors.Is(firstErr, context.DeadlineExceeded):
		return &exitError{code: exitUnreachable, err: firstErr}
	case errors.Is(firstErr, fetchers.ErrUnauthorized):
		return &exitError{code: exitUnauthorized, err: firstErr}
	}
	return firstErr
}

// mention tells what is missing from the output, and why.
func printDiagnostics(stderr io.Writer, snapshot *fetchers.Snapshot) {
	for _, vendor := range snapshot.Vendors() {
		if vendor.Err != nil {
			_, _ = fmt.Fprintln(stderr, "nufi:", vendor.Err)
		}
		if len(vendor.Diagnostics.Dropped) > 0 {
			_, _ = fmt.Fprintf(stderr, "nufi: %s: left out %s\n", vendor.Type, vendor.Diagnostics.Dropped)
		}
		for _, warning := range vendor.Diagnostics.Warnings {
			_, _ = fmt.Fprintf(stderr, "nufi: %s: Prometheus warns: %s\n", vendor.Type, warning)
		}
	}
}
