package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// host is a folder that simulates a machine with eight X330s: two NUMA nodes with two PCIe roots
// each.
type host struct{ root string }

const cards = 8

func newHost(t *testing.T, root string) host {
	t.Helper()
	h := host{root}
	for card := range cards {
		h.plug(t, card)
	}
	return h
}

func (h host) plug(t *testing.T, card int) {
	t.Helper()
	bridge := card / 2
	dir := fmt.Sprintf("sys/devices/pci0000:%02x/%s", bridge*64, address(card))
	link := h.path(t, "sys/bus/pci/devices/"+address(card))
	if err := os.Symlink(filepath.Join("../../../..", dir), link); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"vendor": "0x1f56", "class": "0x120000", "numa_node": strconv.Itoa(bridge / 2), "uuid": fmt.Sprint("uuid-", card),
		"enable": "1", "status": "0", "users": "0",
		fmt.Sprintf("sapeon/snx3_%d/dev", card): fmt.Sprint("511:", card),
	} {
		h.write(t, filepath.Join(dir, name), value)
	}
	h.addNode(t, card)
}

// setStatus sets the status that a card's driver reports: "0" is healthy.
func (h host) setStatus(t *testing.T, card int, status string) {
	t.Helper()
	h.write(t, filepath.Join("sys/bus/pci/devices", address(card), "status"), status)
}

// addNode creates a device node that can be opened without a driver: that of /dev/null.
func (h host) addNode(t *testing.T, card int) {
	t.Helper()
	const null = 1<<8 | 3
	if err := syscall.Mknod(h.path(t, deviceNode(card)), syscall.S_IFCHR|0o666, null); err != nil {
		t.Fatal(err)
	}
}

func (h host) removeNode(t *testing.T, card int) {
	t.Helper()
	if err := os.Remove(h.path(t, deviceNode(card))); err != nil {
		t.Fatal(err)
	}
}

// write replaces a file atomically, because a driver's attribute is never incomplete.
func (h host) write(t *testing.T, name, value string) {
	t.Helper()
	draft := h.path(t, "draft")
	if err := os.WriteFile(draft, []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(draft, h.path(t, name)); err != nil {
		t.Fatal(err)
	}
}

// path returns the path of the host's file and creates its folder.
func (h host) path(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(h.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func address(card int) string { return fmt.Sprintf("0000:%02x:00.0", card+1) }

func deviceNode(card int) string { return fmt.Sprintf("dev/snx3_%d", card) }
