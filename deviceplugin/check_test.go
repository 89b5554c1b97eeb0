package deviceplugin_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/deviceplugin"
	"github.com/dudaji/nufi/deviceplugin/description"
)

func TestCheckReportsExcludedFunctionsAndFailedProbes(t *testing.T) {
	host := fstest.MapFS{}
	add := func(address string, files map[string]string) {
		for name, text := range files {
			host["sys/bus/pci/devices/"+address+"/"+name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	add("0000:01:00.0", map[string]string{"vendor": "0x1f56", "class": "0x120000", "numa_node": "1", "uuid": "SN-1", "enable": "1", "sapeon/snx3_0/dev": "511:0"})
	add("0000:02:00.0", map[string]string{"vendor": "0x1f56", "class": "0x120000", "numa_node": "-1", "enable": "1", "sapeon/snx3_1/dev": "511:1"})
	add("0000:03:00.0", map[string]string{"vendor": "0x1f56", "class": "0x060400"})
	add("0000:04:00.0", map[string]string{"vendor": "0x8086", "class": "0x060400"})
	add("0000:01:00.1", map[string]string{"vendor": "0x1f56", "class": "0x120000", "numa_node": "1", "enable": "1", "sapeon/snx3_2/dev": "511:2"})
	host["sys/bus/pci/devices/0000:01:00.1/physfn"] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("../0000:01:00.0")}
	host["dev/snx3_2"] = &fstest.MapFile{}
	host["dev/snx3_0"] = &fstest.MapFile{}
	d, err := description.X330()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := deviceplugin.Check(t.Context(), &out, host, d); err != nil {
		t.Fatal(err)
	}
	want := `DEVICE        VIRTUAL OF    DRIVER  NUMA  UUID  NODES        RESULT
0000:03:00.0  -                                              excluded by pci.classes
0000:01:00.0  -             -       1     SN-1  /dev/snx3_0  healthy
0000:01:00.1  0000:01:00.0  -       1     -     /dev/snx3_2  healthy
0000:02:00.0  -             -       -     -     /dev/snx3_1  DeviceNodeMissing: /dev/snx3_1 does not exist
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	out.Reset()
	d.PCI.Vendor = "0x1eff"
	if err := deviceplugin.Check(t.Context(), &out, host, d); err != nil || !strings.Contains(out.String(), "no function of vendor 0x1eff") {
		t.Errorf("%v, got %s", err, out.String())
	}
}
