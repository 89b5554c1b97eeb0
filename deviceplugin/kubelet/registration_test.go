package kubelet

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/dudaji/nufi/deviceplugin/inventory/inventorytest"
)

// test/kubelet tests registrations against the kubelet's own code. These tests need no
// kubelet.

func TestBackoffGrowsWithEachFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, kubelet := newBackoff(clock.RealClock{}), socket(t, filepath.Join(socketDir(t), "kubelet.sock"))
		var last time.Duration
		for attempt := range 12 {
			if wait := p.delay(kubelet); wait > 0 {
				<-time.After(wait)
			}
			step := p.failed()
			if step > 12*time.Second || attempt < 6 && step <= last {
				t.Fatalf("attempt %d is followed by %s after %s", attempt, step, last)
			}
			last = step
		}
	})
}

func TestBackoffIsResetByANewKubelet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := socketDir(t)
		p := newBackoff(clock.RealClock{})
		before := socket(t, filepath.Join(dir, "kubelet.sock"))
		p.delay(before)
		for range 8 {
			p.failed()
		}
		if p.delay(before) == 0 {
			t.Error("the same kubelet is tried again at once")
		}
		if got := p.delay(socket(t, filepath.Join(dir, "new.sock"))); got != 0 {
			t.Errorf("a new kubelet waits for %s", got)
		}
	})
}

func TestBackoffCountsShortRegistrationsAsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, kubelet := newBackoff(clock.RealClock{}), socket(t, filepath.Join(socketDir(t), "kubelet.sock"))
		for range 6 {
			<-time.After(p.delay(kubelet))
			p.succeeded()
		}
		if p.delay(kubelet) == 0 {
			t.Error("a stream that is dropped again and again is taken up at once")
		}
		<-time.After(p.delay(kubelet))
		p.succeeded()
		<-time.After(lasting)
		if got := p.delay(kubelet); got != 0 {
			t.Errorf("after a lasting registration the next one waits for %s", got)
		}
	})
}

func TestRegistrationWaitsForTheFirstProbes(t *testing.T) {
	devices := starting{inventorytest.New(entry("a", 0, false)), make(chan struct{})}
	r := NewRegistration(newServer(devices), socketDir(t), 0)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if r.awaitDevices(ctx) {
		t.Error("devices are advertised before the first probes")
	}
	close(devices.ready)
	if !r.awaitDevices(t.Context()) {
		t.Error("devices are not advertised after the first probes")
	}
}

// starting is an inventory that is not ready before its channel is closed.
type starting struct {
	*inventorytest.Devices
	ready chan struct{}
}

func (s starting) Ready() <-chan struct{} { return s.ready }

func TestLivenessFailsAfterAMinuteWithoutKubelet(t *testing.T) {
	clk := clocktesting.NewFakeClock(time.Unix(0, 0))
	server := newServer(inventorytest.New(entry("a", 0, true)))
	server.Clock = clk
	r := NewRegistration(server, socketDir(t), 0)
	expect := func(when string, alive, ready bool) {
		t.Helper()
		if (r.Alive() == nil) != alive || (r.Ready() == nil) != ready {
			t.Errorf("%s: alive: %v, ready: %v", when, r.Alive(), r.Ready())
		}
	}
	expect("before the first probes", true, false)
	if !r.awaitDevices(t.Context()) {
		t.Fatal("there is a device")
	}
	r.evaluate()
	expect("before the first registration", true, false)
	clk.Step(disconnectedGrace)
	expect("at the end of the grace", true, false)
	clk.Step(time.Second)
	expect("after the grace", false, false)

	s := start(t, server)
	r.current = s
	s.setStream(streamOpen)
	r.evaluate()
	expect("while the kubelet watches", true, true)
	clk.Step(time.Hour)
	s.setStream(streamClosed)
	r.evaluate()
	expect("when the stream is closed", true, false)
	clk.Step(disconnectedGrace + time.Second)
	expect("when the stream stays closed", false, false)
}

func TestSweepRemovesDeadSockets(t *testing.T) {
	dir := socketDir(t)
	dead, foreign, alive := filepath.Join(dir, "card-dead.sock"), filepath.Join(dir, "other.sock"), filepath.Join(dir, "card-alive.sock")
	socket(t, dead)
	socket(t, foreign)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", alive)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // the test is over
	sweep(t.Context(), dir, "card-")
	for path, want := range map[string]bool{dead: false, foreign: true, alive: true} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s is there: %t", filepath.Base(path), err == nil)
		}
	}
}

func TestSocketNamesAreUnique(t *testing.T) {
	server, dir := newServer(inventorytest.New()), socketDir(t)
	seen := map[string]bool{}
	for range 20 {
		s, err := serve(t.Context(), server, dir, func() {})
		if err != nil {
			t.Fatal(err)
		}
		s.stop(0)
		if seen[s.path] {
			t.Fatalf("%s is used twice", s.path)
		}
		if seen[s.path] = true; len(filepath.Base(s.path)) > 50 {
			t.Errorf("%s leaves no room for the directory", filepath.Base(s.path))
		}
		if _, err := os.Lstat(s.path); err == nil {
			t.Errorf("%s was left behind", s.path)
		}
	}
}

func TestSocketNameOfALongResourceIsTruncated(t *testing.T) {
	server := newServer(inventorytest.New())
	server.Granter.Resource = strings.Repeat("vendor.", 30) + "example/card"
	s, err := serve(t.Context(), server, socketDir(t), func() {})
	if err != nil {
		t.Fatal(err)
	}
	s.stop(0)
	if name := filepath.Base(s.path); len(name) > 50 {
		t.Errorf("%s leaves no room for the directory", name)
	}
}

// socket creates a socket without a listener.
func socket(t *testing.T, path string) os.FileInfo {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}
