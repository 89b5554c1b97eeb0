package kubelet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// host is a folder that simulates a machine with X330s, which are distributed evenly over two NUMA
// nodes with two PCIe roots each.
type host struct {
	t    *testing.T
	root string
}

func newHost(t *testing.T, cards int) *host {
	t.Helper()
	h := &host{t: t, root: t.TempDir()}
	h.mkdir("sys/bus/pci/devices")
	for i := range cards {
		h.plug(i, i*4/cards)
	}
	return h
}

// plug adds a card to one of the four roots.
func (h *host) plug(card, root int) {
	h.t.Helper()
	dir := fmt.Sprintf("sys/devices/pci0000:%02x/%s", root*64, address(card))
	h.mkdir(dir)
	link := filepath.Join(h.root, "sys/bus/pci/devices", address(card))
	if err := os.Symlink(filepath.Join("../../../..", dir), link); err != nil {
		h.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"vendor": "0x1f56", "class": "0x120000", "numa_node": strconv.Itoa(root / 2), "uuid": fmt.Sprintf("uuid-%d", card),
		"enable": "1", "status": "0", "users": "0",
		"hwmon/hwmon0/temp1_input": "41500", "hwmon/hwmon0/temp2_input": "39000", "hwmon/hwmon0/power1_input": "75250000",
		fmt.Sprintf("sapeon/snx3_%d/dev", card): fmt.Sprintf("511:%d", card),
	} {
		h.write(filepath.Join(dir, name), value+"\n")
	}
	h.addNode(card)
}

// renumber gives cards the device nodes of these numbers.
func (h *host) renumber(numbers map[int]int) {
	h.t.Helper()
	for card, number := range numbers {
		dir := filepath.Join(h.root, "sys/bus/pci/devices", address(card), "sapeon")
		names, err := os.ReadDir(dir)
		if err != nil {
			h.t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, names[0].Name()), filepath.Join(dir, fmt.Sprintf("snx3_%d", number))); err != nil {
			h.t.Fatal(err)
		}
	}
}

// set writes an attribute of a card.
func (h *host) set(card int, attribute, value string) {
	h.t.Helper()
	h.write(filepath.Join("sys/bus/pci/devices", address(card), attribute), value+"\n")
}

func (h *host) addNode(card int) {
	h.t.Helper()
	h.write(node(card), "")
}

func (h *host) removeNode(card int) {
	h.t.Helper()
	if err := os.Remove(filepath.Join(h.root, node(card))); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) mkdir(dir string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Join(h.root, dir), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// write replaces a file atomically, because a driver's attribute is never incomplete.
func (h *host) write(name, text string) {
	h.t.Helper()
	h.mkdir(filepath.Dir(name))
	draft := filepath.Join(h.root, "draft")
	if err := os.WriteFile(draft, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(draft, filepath.Join(h.root, name)); err != nil {
		h.t.Fatal(err)
	}
}

func address(card int) string { return fmt.Sprintf("0000:%02x:00.0", card+1) }

func node(card int) string { return fmt.Sprintf("dev/snx3_%d", card) }

// unplug removes a card and its device node.
func (h *host) unplug(card int) {
	h.t.Helper()
	h.removeNode(card)
	link := filepath.Join(h.root, "sys/bus/pci/devices", address(card))
	dir, err := filepath.EvalSymlinks(link)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := errors.Join(os.Remove(link), os.RemoveAll(dir)); err != nil {
		h.t.Fatal(err)
	}
}
