package probe_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/probe"
	"github.com/dudaji/nufi/deviceplugin/sysfs"
)

const dir = "sys/devices/pci0000:3a/0000:3b:00.0"

// host is a machine with one healthy card; each case changes something.
func host() fstest.MapFS {
	return fstest.MapFS{
		dir + "/vendor":                   {Data: []byte("0x1f56\n")},
		dir + "/config":                   {Data: []byte{0x56, 0x1f, 0x30, 0x03}},
		dir + "/driver":                   {Mode: os.ModeSymlink, Data: []byte("../../../bus/pci/drivers/sapeon")},
		dir + "/enable":                   {Data: []byte("1\n")},
		dir + "/status":                   {Data: []byte("0\n")},
		dir + "/temp":                     {Data: []byte("65000\n")},
		"sys/bus/pci/drivers/sapeon/bind": {},
		"dev/snx3_0":                      {},
	}
}

func card() discovery.Device {
	return discovery.Device{ID: "0000:3b:00.0", Dir: dir, Nodes: []string{"/dev/snx3_0"}}
}

func rules() description.Description {
	return description.Description{
		PCI:   description.PCI{Vendor: "0x1f56", Drivers: []string{"sapeon"}},
		Nodes: description.Nodes{Sysfs: []string{"sapeon/*"}},
		Health: description.Health{Attributes: []description.Attribute{
			{Path: "enable", Not: []string{"0"}},
			{Path: "status", Equals: []string{"0"}},
			{Path: "te*", Within: &description.Range{Min: 0, Max: 95000}},
			{Path: "vendor_extra", Equals: []string{"ok"}, WhenAbsent: description.AbsenceIgnored},
		}},
	}
}

func TestObserveReportsResultAndReason(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(fstest.MapFS)
		want health.Observation
	}{
		"a healthy card": {
			func(fstest.MapFS) {}, observation(health.Good, probe.Answering, "every check passed")},
		"the card is pulled": {
			func(h fstest.MapFS) { delete(h, dir+"/vendor") },
			observation(health.Absent, probe.DeviceRemoved, "the card is not on the PCI bus")},
		"the node is missing": {
			func(h fstest.MapFS) { delete(h, "dev/snx3_0") },
			observation(health.Absent, probe.DeviceNodeMissing, "/dev/snx3_0 does not exist")},
		"the card fell off the bus": {
			set("config", "\xff\xff"),
			observation(health.Bad, probe.OffTheBus, "the card answers as vendor 0xffff instead of 0x1f56")},
		"the configuration space is empty": {
			set("config", ""), observation(health.NoData, probe.NoData, "the configuration space is empty")},
		"a host without configuration space": {
			func(h fstest.MapFS) { delete(h, dir+"/config") },
			observation(health.Good, probe.Answering, "every check passed")},
		"no driver": {
			func(h fstest.MapFS) { delete(h, dir+"/driver") },
			observation(health.Bad, probe.DriverMissing, "no driver is bound, expected one of [sapeon]")},
		"the driver of a virtual machine": {
			func(h fstest.MapFS) { h[dir+"/driver"].Data = []byte("../vfio-pci") },
			observation(health.Bad, probe.DriverMissing, "driver vfio-pci is bound, expected one of [sapeon]")},
		"an unhealthy value": {
			set("enable", "0"), observation(health.Bad, probe.AttributeBad, `enable is "0"`)},
		"another value than the healthy one": {
			set("status", "3"), observation(health.Bad, probe.AttributeBad, `status is "3", expected one of ["0"]`)},
		"a number out of its range": {
			set("temp", "97000"), observation(health.Bad, probe.AttributeBad, "te* is 97000, expected 0 to 95000")},
		"a fraction within the range": {
			set("temp", "94999.5"), observation(health.Good, probe.Answering, "every check passed")},
		"a fraction out of the range": {
			set("temp", "95000.5"), observation(health.Bad, probe.AttributeBad, "te* is 95000.5, expected 0 to 95000")},
		"a large number out of its range": {
			set("temp", "76250000"), observation(health.Bad, probe.AttributeBad, "te* is 76250000, expected 0 to 95000")},
		"infinity": {
			set("temp", "inf"), observation(health.NoData, probe.NoData, `te* is "inf", which is not a number`)},
		"not a number": {
			set("temp", "hot\x00"), observation(health.NoData, probe.NoData, `te* is "hot\x00", which is not a number`)},
		"an attribute that is not there": {
			func(h fstest.MapFS) { delete(h, dir+"/status") },
			observation(health.NoData, probe.NoData, "there is no attribute status")},
		"an attribute that may be absent and is bad": {
			set("vendor_extra", "broken"),
			observation(health.Bad, probe.AttributeBad, `vendor_extra is "broken", expected one of ["ok"]`)},
		"a bad attribute counts where another is missing": {
			func(h fstest.MapFS) { delete(h, dir+"/status"); set("temp", "97000")(h) },
			observation(health.Bad, probe.AttributeBad, "te* is 97000, expected 0 to 95000")},
	} {
		t.Run(name, func(t *testing.T) {
			h := host()
			c.edit(h)
			got := probe.NewProber(sysfs.New(h), rules()).Observe(t.Context(), card())
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// SELinux, or a directory of /dev that belongs to another user.
func TestDeniedFileIsNoData(t *testing.T) {
	for _, name := range []string{dir + "/vendor", "dev/snx3_0"} {
		got := probe.NewProber(sysfs.New(denying{host(), name}), rules()).Observe(t.Context(), card())
		want := observation(health.NoData, probe.NoData, "stat "+name+": permission denied")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// denying is a host with a file that the plugin may not inspect.
type denying struct {
	fstest.MapFS
	name string
}

func (d denying) Stat(name string) (fs.FileInfo, error) {
	if name == d.name {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.Stat(name)
}

// A virtual function's own configuration space has no vendor id; its physical function answers,
// found by the kernel's link or as the neighbour with enabled virtual functions.
func TestVirtualFunctionIsHealthyWhileItsPhysicalFunctionAnswers(t *testing.T) {
	const physical, virtual = "sys/devices/pci0000:3a/0000:3b:00.0", "sys/devices/pci0000:3a/0000:3b:00.1"
	for name, c := range map[string]struct {
		link   bool
		config string // of the physical function
		want   health.Result
	}{
		"linked":                  {true, "\x56\x1f", health.Good},
		"neighbour":               {false, "\x56\x1f", health.Good},
		"linked, off the bus":     {true, "\xff\xff", health.Bad},
		"neighbour, off the bus":  {false, "\xff\xff", health.Bad},
		"linked, no config space": {true, "", health.NoData},
	} {
		t.Run(name, func(t *testing.T) {
			h := fstest.MapFS{
				physical + "/vendor": {Data: []byte("0x1f56")}, physical + "/config": {Data: []byte(c.config)},
				physical + "/sriov_numvfs": {Data: []byte("2\n")},
				virtual + "/vendor":        {Data: []byte("0x1f56")}, virtual + "/config": {Data: []byte("\xff\xff")},
			}
			if c.link {
				h[virtual+"/physfn"] = &fstest.MapFile{Mode: os.ModeSymlink, Data: []byte("../0000:3b:00.0")}
			}
			d := description.Description{PCI: description.PCI{Vendor: "0x1f56"}}
			got := probe.NewProber(sysfs.New(h), d).Observe(t.Context(), discovery.Device{ID: "0000:3b:00.1", Dir: virtual})
			if got.Result != c.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestHeartbeatThatStopsIsBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := host(), rules()
		d.Health.Attributes = []description.Attribute{{Path: "heartbeat", Changes: true}}
		prober := probe.NewProber(sysfs.New(h), d)
		expect := func(value string, want health.Result) {
			t.Helper()
			h[dir+"/heartbeat"] = &fstest.MapFile{Data: []byte(value)}
			if got := prober.Observe(t.Context(), card()); got.Result != want {
				t.Errorf("%s: got %+v", value, got)
			}
		}
		expect("1", health.Good)
		<-time.After(9 * time.Second)
		expect("1", health.Good)
		<-time.After(time.Second)
		expect("1", health.Bad)
		expect("2", health.Good)
		<-time.After(time.Hour)
		expect("3", health.Good)
	})
}

func TestDeviceWithoutExpectedNodeIsGone(t *testing.T) {
	device, d := card(), rules()
	device.Nodes = nil
	if got := probe.NewProber(sysfs.New(host()), d).Observe(t.Context(), device); got.Reason.Code != probe.DeviceNodeMissing {
		t.Errorf("got %v", got)
	}
	d.Nodes = description.Nodes{Partitions: []string{"npu/npu*pe*"}}
	if got := probe.NewProber(sysfs.New(host()), d).Observe(t.Context(), device); got.Reason.Code != probe.DeviceNodeMissing {
		t.Errorf("without its partitions: %v", got)
	}
	d.Nodes = description.Nodes{Shared: []string{"/dev/npuctl"}}
	if got := probe.NewProber(sysfs.New(host()), d).Observe(t.Context(), device); got.Result != health.Good {
		t.Errorf("a description without own nodes: %v", got)
	}
}

func TestHangingDriverIsMissingData(t *testing.T) {
	root := t.TempDir()
	if err := os.CopyFS(root, withoutLinks(host())); err != nil {
		t.Fatal(err)
	}
	status := filepath.Join(root, dir, "status")
	if err := os.Remove(status); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(status, 0o600); err != nil {
		t.Skipf("named pipes are needed: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	d := rules()
	d.PCI.Drivers = nil
	if got := probe.NewProber(sysfs.New(os.DirFS(root)), d).Observe(ctx, card()); got.Result != health.NoData {
		t.Errorf("got %v", got)
	}
	writer, err := os.OpenFile(status, os.O_WRONLY, 0) // now it answers
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFreeEvaluatesTheDescribedAttribute(t *testing.T) {
	d := rules()
	if got := probe.NewProber(sysfs.New(host()), d).Free(t.Context(), card()); got.Result != health.Good {
		t.Errorf("without an attribute: %v", got)
	}
	d.Preparation.Free = &description.Attribute{Path: "users", Equals: []string{"0"}}
	for value, want := range map[string]health.Result{"0": health.Good, "2": health.Bad} {
		h := host()
		set("users", value)(h)
		if got := probe.NewProber(sysfs.New(h), d).Free(t.Context(), card()); got.Result != want {
			t.Errorf("%s users: %v", value, got)
		}
	}
	if got := probe.NewProber(sysfs.New(host()), d).Free(t.Context(), card()); got.Result != health.NoData {
		t.Errorf("without the file: %v", got)
	}
}

func set(attribute, value string) func(fstest.MapFS) {
	return func(h fstest.MapFS) { h[dir+"/"+attribute] = &fstest.MapFile{Data: []byte(value)} }
}

func observation(result health.Result, code, message string) health.Observation {
	return health.Observation{Result: result, Reason: health.Reason{Code: code, Message: message}}
}

func withoutLinks(h fstest.MapFS) fstest.MapFS {
	delete(h, dir+"/driver")
	return h
}
