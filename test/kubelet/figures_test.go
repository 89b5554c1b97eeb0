package kubelet

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// These are the figures of docs/benchmarks.md. -v prints them.

func TestFailureReachesTheKubeletWithinTwoSeconds(t *testing.T) {
	description := filepath.Join(repository, "deviceplugin/description/x330.yaml")
	for name, fail := range map[string]func(h *host, card int){
		"bad status":   func(h *host, card int) { h.set(card, "status", "3") },
		"missing node": (*host).removeNode,
	} {
		t.Run(name, func(t *testing.T) {
			f, h := newFolder(t), newHost(t, 64)
			k := startKubelet(t, f)
			startPlugin(t, h, f, "--devices", description).awaitReady()
			k.awaitCapacity(64, 64)
			var times []time.Duration // A busy machine may delay one.
			for card := range 3 {
				fail(h, card)
				started := time.Now()
				k.awaitCapacity(64, 63-int64(card))
				times = append(times, time.Since(started))
			}
			slices.Sort(times)
			took := times[1]
			t.Logf("from the failure to the kubelet's allocatable: %s", took.Round(time.Millisecond))
			if took > 2*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestSixtyFourDevicesNeedLessThanFortyMebibytes(t *testing.T) {
	f, h := newFolder(t), newHost(t, 64)
	k := startKubelet(t, f)
	p := startPlugin(t, h, f, "--cdi", "always", "--cdi-dir", filepath.Join(t.TempDir(), "cdi"))
	p.awaitReady()
	k.awaitCapacity(64, 64)
	for i := range 16 {
		k.mustAdmit(newPod(fmt.Sprint("pod-", i), 4))
		if err := p.check("/metrics"); err != nil {
			t.Fatal(err)
		}
	}
	peak := peakMemory(t, p)
	t.Logf("peak resident memory: %.1f MiB", float64(peak)/(1<<20))
	if peak > 40<<20 {
		t.Errorf("the plugin took %d bytes", peak)
	}
}

func peakMemory(t *testing.T, p *plugin) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		t.Skipf("the peak is read from /proc: %v", err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("no peak in\n%s", status)
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
