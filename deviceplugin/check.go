package deviceplugin

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/probe"
	"github.com/dudaji/nufi/deviceplugin/sysfs"
)

// Check prints the physical and virtual functions of the description's vendor on a host: for an excluded
// function the field that excludes it, for a device its nodes and the result of one probe.
func Check(ctx context.Context, w io.Writer, host fs.FS, d description.Description) error {
	tree := sysfs.New(host)
	scanner, prober := discovery.NewScanner(tree, d), probe.NewProber(tree, d)
	candidates, err := scanner.Candidates(ctx)
	if err != nil {
		return err
	}
	devices, err := scanner.Scan(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "DEVICE\tVIRTUAL OF\tDRIVER\tNUMA\tUUID\tNODES\tRESULT")
	for _, candidate := range candidates {
		if candidate.Excluded != "" {
			_, _ = fmt.Fprintf(table, "%s\t%s\t\t\t\t\texcluded by %s\n", candidate.Address, orDash(candidate.Physical), candidate.Excluded)
		}
	}
	for _, device := range devices {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", device.ID, orDash(device.Physical), orDash(device.Driver), numa(device.NUMANode),
			orDash(device.UUID), orDash(strings.Join(device.Nodes, ",")), result(prober.Observe(ctx, device)))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(candidates) == 0 {
		_, err = fmt.Fprintf(w, "no function of vendor %s is on the PCI bus\n", d.PCI.Vendor)
	}
	return err
}

func numa(node int) string {
	if node == discovery.NoNUMANode {
		return "-"
	}
	return strconv.Itoa(node)
}

func result(o health.Observation) string {
	if o.Result == health.Good {
		return "healthy"
	}
	return o.Reason.Code + ": " + o.Reason.Message
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
