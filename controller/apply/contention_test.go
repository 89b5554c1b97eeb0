package apply_test

import (
	"errors"
	"testing"
	"time"

	"github.com/dudaji/nufi/controller/apply"
)

const otherSelector = `{"spec":{"selector":{"app":"other"}}}`

// contend overwrites the service until contention is reported.
func (f *fixture) contend() *apply.ContestedError {
	f.Helper()
	contested := (*apply.ContestedError)(nil)
	for range 20 {
		f.patch(service, otherSelector, "gitops")
		if _, err := f.apply(aService); errors.As(err, &contested) {
			return contested
		}
		f.awaitCache(f.get(service))
	}
	f.Fatal("contention is not detected")
	return nil
}

func TestContentionHasTheOtherManagerAndTheField(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web", aService)
	contested := f.contend()
	if contested.Manager != "gitops" || contested.Field != ".spec.selector" || contested.RetryAfter <= 0 {
		t.Errorf("%#v, want manager gitops and field .spec.selector", contested)
	}
	before := f.requests.Load()
	if _, err := f.apply(aService); err == nil {
		t.Error("the contention was forgotten")
	}
	if asked := f.requests.Load() - before; asked != 0 {
		t.Errorf("%d requests while waiting", asked)
	}
}

func TestContentionBacksOff(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web", aService)
	last := f.contend().RetryAfter
	for range 3 {
		f.clock.Step(last)
		if changes, err := f.apply(aService); changes != "healed Service web" {
			t.Fatalf("changed %q after the wait (%v)", changes, err)
		}
		f.awaitCache(f.get(service))
		wait := f.contend().RetryAfter
		if wait <= last {
			t.Errorf("waits %s after %s", wait, last)
		}
		last = wait
	}
}

func TestContentionEnds(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web", aService)
	f.clock.Step(f.contend().RetryAfter)
	f.wantApply("healed Service web", aService)
	f.awaitCache(f.get(service))
	f.wantApplyError(aService)
	f.clock.Step(2 * time.Minute)
	f.wantQuiet(aService)
	f.patch(service, otherSelector, "gitops")
	f.wantApply("healed Service web", aService)
}

func TestChangedManifestIsAppliedDuringContention(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web", aService)
	if contested := f.contend(); contested.Name != "web" {
		t.Errorf("%s is contested", contested.Name)
	}
	f.wantApply("configured Service web", with(aService, "port: 80", "port: 82"))
}

func TestRepeatedDeletionsBackOff(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web", aService)
	for range 20 {
		f.delete(service)
		_, err := f.apply(aService)
		if contested := (*apply.ContestedError)(nil); errors.As(err, &contested) {
			return
		}
		f.awaitCache(f.get(service))
	}
	t.Error("contention is not detected")
}

func TestContentionDoesNotDelayOtherRetries(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web", aService)
	if contested := f.contend(); contested.Name != "web" {
		t.Errorf("%s is contested", contested.Name)
	}
	_, err := f.apply(aService)
	if after, terminal := apply.Retry(err); after == 0 || terminal {
		t.Errorf("contention alone: retry after %s (terminal: %t), want a delay", after, terminal)
	}
	f.createForeign(aDeployment)
	_, err = f.apply(aService, aDeployment)
	if after, terminal := apply.Retry(err); after != 0 || terminal {
		t.Errorf("beside a conflict: retry after %s (terminal: %t), want the queue's back-off", after, terminal)
	}
}

// wantApplyError applies a manifest and expects contention.
func (f *fixture) wantApplyError(manifest string) {
	f.Helper()
	_, err := f.apply(manifest)
	if contested := (*apply.ContestedError)(nil); !errors.As(err, &contested) {
		f.Errorf("error %v, want a ContestedError", err)
	}
}
