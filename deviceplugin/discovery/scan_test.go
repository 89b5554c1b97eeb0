package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/sysfs"
	"github.com/dudaji/nufi/test/harness/golden"
)

func TestScan(t *testing.T) {
	for _, c := range golden.Cases(t, "testdata/*.txtar", "want") {
		t.Run(c.Name, func(t *testing.T) { c.Compare(t, list(scan(t, machine(t, c.Archive)))) })
	}
}

func TestScanSelectsByDeviceIDAndClass(t *testing.T) {
	host := fstest.MapFS{}
	for address, id := range map[string]string{"0000:01:00.0": "0x0330", "0000:02:00.0": "0x0331"} {
		dir := "sys/bus/pci/devices/" + address
		host[dir+"/vendor"] = &fstest.MapFile{Data: []byte("0x1f56\n")}
		host[dir+"/device"] = &fstest.MapFile{Data: []byte(id + "\n")}
		host[dir+"/class"] = &fstest.MapFile{Data: []byte("0x120000\n")}
	}
	d := x330(t)
	for _, c := range []struct {
		devices, classes, want []string
	}{
		{nil, nil, []string{"0000:01:00.0", "0000:02:00.0"}},
		{[]string{"0x0331"}, nil, []string{"0000:02:00.0"}},
		{nil, []string{"0x0b", "0x1200"}, []string{"0000:01:00.0", "0000:02:00.0"}},
		{nil, []string{"0x0b"}, nil},
	} {
		d.PCI.Devices, d.PCI.Classes = c.devices, c.classes
		devices, err := discovery.NewScanner(sysfs.New(host), d).Scan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, device := range devices {
			got = append(got, device.ID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("devices %v classes %v: -want +got:\n%s", c.devices, c.classes, diff)
		}
	}
}

func TestScanSelectsPhysicalAndVirtualFunctions(t *testing.T) {
	host := fstest.MapFS{}
	for address, enabled := range map[string]string{"0000:01:00.0": "2", "0000:01:00.1": "", "0000:02:00.0": "0"} {
		dir := "sys/bus/pci/devices/" + address
		host[dir+"/vendor"] = &fstest.MapFile{Data: []byte("0x1f56\n")}
		if enabled == "" {
			host[dir+"/physfn"] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("../0000:01:00.0")}
		} else {
			host[dir+"/sriov_numvfs"] = &fstest.MapFile{Data: []byte(enabled + "\n")}
		}
	}
	d := x330(t)
	d.PCI.Classes = nil
	for functions, want := range map[description.Functions]string{
		description.FunctionsAll:      "0000:01:00.0 0000:01:00.1 0000:02:00.0",
		description.FunctionsPhysical: "0000:01:00.0 0000:02:00.0",
		description.FunctionsVirtual:  "0000:01:00.1",
		description.FunctionsUnshared: "0000:02:00.0",
	} {
		d.PCI.Functions = functions
		if got := ids(t, host, d); got != want {
			t.Errorf("%s: got %s, want %s", functions, got, want)
		}
	}
}

func TestPartitionsAreDevicesOfTheirOwn(t *testing.T) {
	host := fstest.MapFS{}
	for address, nodes := range map[string][]string{"0000:01:00.0": {"npu0mgmt", "npu0pe0", "npu0pe1"}, "0000:02:00.0": {"npu1mgmt"}} {
		dir := "sys/bus/pci/devices/" + address
		host[dir+"/vendor"] = &fstest.MapFile{Data: []byte("0x1f56\n")}
		for _, node := range nodes {
			host[dir+"/npu/"+node+"/dev"] = &fstest.MapFile{Data: []byte("511:0\n")}
		}
	}
	d := x330(t)
	d.PCI.Classes, d.Nodes = nil, description.Nodes{Sysfs: []string{"npu/*mgmt"}, Partitions: []string{"npu/*pe*"}}
	if got, want := ids(t, host, d), "0000:01:00.0-0 0000:01:00.0-1 0000:02:00.0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	scanner := discovery.NewScanner(sysfs.New(host), d)
	devices, err := scanner.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/dev/npu0mgmt", "/dev/npu0pe1"}, devices[1].Nodes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	expectFound(t, scanner, devices)
	for _, id := range []string{"0000:01:00.0", "0000:01:00.0-2", "0000:03:00.0", "../0000:01:00.0", ""} {
		if device, ok := scanner.Find(t.Context(), id); ok {
			t.Errorf("Find(%q) is %v", id, device)
		}
	}
}

// An index gets another digit, and its partition stays the same device.
func TestPartitionsAreInTheOrderOfTheirIndexes(t *testing.T) {
	d := x330(t)
	d.PCI.Classes, d.Nodes = nil, description.Nodes{Partitions: []string{"accel/accel*"}}
	for _, first := range []int{4, 9} {
		const dir = "sys/bus/pci/devices/0000:01:00.0"
		host := fstest.MapFS{dir + "/vendor": {Data: []byte("0x1f56\n")}}
		var want []string
		for index := first; index < first+3; index++ {
			host[fmt.Sprintf("%s/accel/accel%d/dev", dir, index)] = &fstest.MapFile{Data: []byte("261:0\n")}
			want = append(want, fmt.Sprintf("/dev/accel%d", index))
		}
		devices, err := discovery.NewScanner(sysfs.New(host), d).Scan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, device := range devices {
			got = append(got, device.Nodes...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func ids(t *testing.T, host fs.FS, d description.Description) string {
	t.Helper()
	devices, err := discovery.NewScanner(sysfs.New(host), d).Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, device := range devices {
		ids = append(ids, device.ID)
	}
	return strings.Join(ids, " ")
}

func TestNodePatternContainsTheAddress(t *testing.T) {
	dir := "sys/bus/pci/devices/0000:01:00.0"
	d := x330(t)
	d.PCI.Classes, d.Nodes = nil, description.Nodes{Dev: []string{"/dev/npu-{address}*"}}
	devices, err := discovery.NewScanner(sysfs.New(fstest.MapFS{
		dir + "/vendor":            {Data: []byte("0x1f56")},
		"dev/npu-0000:01:00.0":     {},
		"dev/npu-0000:01:00.0-ctl": {},
		"dev/npu-0000:02:00.0":     {},
	}), d).Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/dev/npu-0000:01:00.0", "/dev/npu-0000:01:00.0-ctl"}
	if diff := cmp.Diff(want, devices[0].Nodes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSharedListsExistingNodes(t *testing.T) {
	d := x330(t)
	d.Nodes.Shared = []string{"/dev/snx3ctl*", "/dev/snx3ctl", "/dev/none"}
	host := fstest.MapFS{"dev/snx3ctl": {}, "dev/snx3ctl2": {}}
	got := discovery.NewScanner(sysfs.New(host), d).Shared()
	if diff := cmp.Diff([]string{"/dev/snx3ctl", "/dev/snx3ctl2"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLinksLeadToTheirNode(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"dev/dri/by-path", "dev/loop"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"dev/dri/by-path/pci-0000:3b:00.0-render": "../renderD128",
		"dev/npu-0000:3b:00.0":                    "dri/by-path/pci-0000:3b:00.0-render",
		"dev/npu":                                 "/dev/dri/renderD128",
		"dev/loop/a":                              "b", "dev/loop/b": "a",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "dev/dri/renderD128"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	scanner := discovery.NewScanner(sysfs.New(root.FS()), x330(t))
	for node, want := range map[string]string{
		"/dev/dri/renderD128":                      "/dev/dri/renderD128",
		"/dev/dri/by-path/pci-0000:3b:00.0-render": "/dev/dri/renderD128",
		"/dev/npu-0000:3b:00.0":                    "/dev/dri/renderD128",
		"/dev/npu":                                 "/dev/dri/renderD128",
		"/dev/none":                                "/dev/none",
		"/dev/loop/a":                              "/dev/loop/a",
	} {
		if got := scanner.Target(node); got != want {
			t.Errorf("%s leads to %s, want %s", node, got, want)
		}
	}
}

func TestScanReportsAnUnreadableBus(t *testing.T) {
	scanner := discovery.NewScanner(sysfs.New(fstest.MapFS{}), x330(t))
	if devices, err := scanner.Scan(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, %v", devices, err)
	}
}

func TestScanReportsACancelledContext(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/x330.txtar")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	scanner := discovery.NewScanner(sysfs.New(machine(t, archive)), x330(t))
	if devices, err := scanner.Scan(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", devices, err)
	}
}

func TestScanReportsUnreadablePropertiesAsUnknown(t *testing.T) {
	host := fstest.MapFS{}
	for _, address := range []string{"0000:01:00.0", "0000:02:00.0", "0000:03:00.0", "0000:04:00.0"} {
		dir := "sys/bus/pci/devices/" + address
		for name, value := range map[string]string{"vendor": "0x1f56", "class": "0x120000", "numa_node": "1", "uuid": "u"} {
			host[dir+"/"+name] = &fstest.MapFile{Data: []byte(value)}
		}
	}
	huge := []byte(strings.Repeat("1", sysfs.MaxAttribute+1))
	host["sys/bus/pci/devices/0000:02:00.0/numa_node"].Data = huge
	host["sys/bus/pci/devices/0000:02:00.0/uuid"].Data = huge
	denied := deny{host, []string{"0000:03:00.0/numa_node", "0000:03:00.0/uuid", "0000:04:00.0/vendor"}}
	var got []string
	for _, device := range scan(t, denied) {
		got = append(got, fmt.Sprint(device.ID, " ", device.NUMANode, " ", device.UUID))
	}
	want := []string{"0000:01:00.0 1 u", "0000:02:00.0 -1 ", "0000:03:00.0 -1 "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestScanReportsUnprintableNamesAsUnknown(t *testing.T) {
	dir := "sys/bus/pci/devices/0000:01:00.0"
	host := fstest.MapFS{
		dir + "/vendor": {Data: []byte("0x1f56")}, dir + "/class": {Data: []byte("0x120000")},
		dir + "/driver": {Mode: fs.ModeSymlink, Data: []byte("drivers/\xff")}, dir + "/physfn": {Mode: fs.ModeSymlink, Data: []byte("../\n")},
		"dev/npu-0000:01:00.0": {}, "dev/npu-0000:01:00.0\xff": {}, "dev/npuctl\xff": {},
	}
	d := x330(t)
	d.Nodes = description.Nodes{Dev: []string{"/dev/npu-{address}*"}, Shared: []string{"/dev/npuctl*"}}
	scanner := discovery.NewScanner(sysfs.New(host), d)
	devices, err := scanner.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []discovery.Device{{ID: "0000:01:00.0", Dir: dir, NUMANode: discovery.NoNUMANode, Nodes: []string{"/dev/npu-0000:01:00.0"}}}
	if diff := cmp.Diff(want, devices); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := scanner.Shared(); len(got) > 0 {
		t.Errorf("shared nodes %q", got)
	}
}

// All drivers hang, as after a fault of a switch. Their devices are found within a second, not one after the other.
func TestDriversThatHangDelayAScanTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := hanging{fstest.MapFS{}, t.Context().Done()}
		for i := range 64 {
			dir := fmt.Sprintf("sys/bus/pci/devices/0000:%02x:00.0/", i)
			for name, value := range map[string]string{"vendor": "0x1f56", "class": "0x120000", "uuid": "u"} {
				host.MapFS[dir+name] = &fstest.MapFile{Data: []byte(value)}
			}
		}
		d, before := x330(t), time.Now()
		d.UUID = []string{"uuid"}
		devices, err := discovery.NewScanner(sysfs.New(host), d).Scan(t.Context())
		if err != nil || len(devices) != 64 {
			t.Errorf("%d devices, error %v", len(devices), err)
		}
		if took := time.Since(before); took > time.Second {
			t.Errorf("the scan took %s", took)
		}
	})
}

// hanging is a file system whose UUIDs cannot be read before the end.
type hanging struct {
	fstest.MapFS
	end <-chan struct{}
}

func (h hanging) Open(name string) (fs.File, error) {
	if path.Base(name) == "uuid" {
		<-h.end
	}
	return h.MapFS.Open(name)
}

// deny is a file system some files of which may not be opened.
type deny struct {
	fstest.MapFS
	names []string
}

func (d deny) Open(name string) (fs.File, error) {
	for _, denied := range d.names {
		if strings.HasSuffix(name, denied) {
			return nil, fs.ErrPermission
		}
	}
	return d.MapFS.Open(name)
}

// FuzzScan makes a machine of arbitrary files and links below sys/bus and
// sys/devices, and holds the scan to its invariants.
func FuzzScan(f *testing.F) {
	for _, file := range []string{"testdata/x330.txtar", "testdata/odd.txtar"} {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	address := regexp.MustCompile(`^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$`)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := x330(t)
		d.PCI.Classes = nil
		devices, err := discovery.NewScanner(sysfs.New(machine(t, txtar.Parse(data))), d).Scan(t.Context())
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, device := range devices {
			if !address.MatchString(device.ID) || len(device.ID) > 63 || seen[device.ID] {
				t.Errorf("id %q is malformed or there twice", device.ID)
			}
			seen[device.ID] = true
			if device.NUMANode < discovery.NoNUMANode || device.NUMANode > 63 {
				t.Errorf("NUMA node %d", device.NUMANode)
			}
			if !fs.ValidPath(device.Dir) || !strings.HasPrefix(device.Dir, "sys/") {
				t.Errorf("directory %q leaves sys", device.Dir)
			}
			for _, node := range device.Nodes {
				if !strings.HasPrefix(node, "/dev/") || filepath.Clean(node) != node {
					t.Errorf("node %q leaves /dev", node)
				}
			}
		}
	})
}

func scan(t *testing.T, host fs.FS) []discovery.Device {
	t.Helper()
	scanner := discovery.NewScanner(sysfs.New(host), x330(t))
	devices, err := scanner.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expectFound(t, scanner, devices)
	return devices
}

// expectFound checks that Find returns the devices of a scan.
func expectFound(t *testing.T, scanner *discovery.Scanner, devices []discovery.Device) {
	t.Helper()
	for _, device := range devices {
		found, ok := scanner.Find(t.Context(), device.ID)
		if diff := cmp.Diff(device, found); diff != "" || !ok {
			t.Errorf("Find(%s) is %t: -scanned +found:\n%s", device.ID, ok, diff)
		}
	}
}

func list(devices []discovery.Device) string {
	var out strings.Builder
	for _, d := range devices {
		fmt.Fprintf(&out, "%s numa=%d root=%s driver=%s uuid=%s nodes=%s dir=%s\n",
			d.ID, d.NUMANode, d.Root, d.Driver, d.UUID, strings.Join(d.Nodes, ","), d.Dir)
	}
	return out.String()
}

// machine makes a host's tree of an archive; "-> target" is a link. It is a real
// folder behind an os.Root, as in production: links may loop or lead out.
func machine(t *testing.T, archive *txtar.Archive) fs.FS {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	for _, file := range archive.Files {
		if !fs.ValidPath(file.Name) {
			continue
		}
		// A name that is taken, or too long for the disk, is left out.
		_ = root.MkdirAll(path.Dir(file.Name), 0o700)
		if target, ok := strings.CutPrefix(string(file.Data), "-> "); ok {
			_ = root.Symlink(strings.TrimSpace(target), file.Name)
			continue
		}
		_ = root.WriteFile(file.Name, file.Data, 0o600)
	}
	return root.FS()
}

func x330(t *testing.T) description.Description {
	t.Helper()
	d, err := description.X330()
	if err != nil {
		t.Fatal(err)
	}
	return d
}
