package apply_test

import (
	"errors"
	"testing"
	"time"

	"github.com/dudaji/nufi/controller/apply"
)

const otherSelector = `{"spec":{"selector":{"app":"other"}}}`

// contend overwrites the service until contention is reported.
func (s *stage) contend() *apply.ContestedError {
	s.Helper()
	contested := (*apply.ContestedError)(nil)
	for range 20 {
		s.patch(service, otherSelector, "gitops")
		if _, err := s.apply(aService); errors.As(err, &contested) {
			return contested
		}
		s.awaitCache(s.get(service))
	}
	s.Fatal("contention is not detected")
	return nil
}

func TestContentionHasTheOtherManagerAndTheField(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Service web", aService)
	contested := s.contend()
	if contested.Manager != "gitops" || contested.Field != ".spec.selector" || contested.RetryAfter <= 0 {
		t.Errorf("%#v, want manager gitops and field .spec.selector", contested)
	}
	before := s.requests.Load()
	if _, err := s.apply(aService); err == nil {
		t.Error("the contention was forgotten")
	}
	if asked := s.requests.Load() - before; asked != 0 {
		t.Errorf("%d requests while waiting", asked)
	}
}

func TestContentionBacksOff(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Service web", aService)
	last := s.contend().RetryAfter
	for range 3 {
		s.clock.Step(last)
		if changes, err := s.apply(aService); changes != "healed Service web" {
			t.Fatalf("changed %q after the wait (%v)", changes, err)
		}
		s.awaitCache(s.get(service))
		wait := s.contend().RetryAfter
		if wait <= last {
			t.Errorf("waits %s after %s", wait, last)
		}
		last = wait
	}
}

func TestContentionEnds(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Service web", aService)
	s.clock.Step(s.contend().RetryAfter)
	s.wantApply("healed Service web", aService)
	s.awaitCache(s.get(service))
	s.wantApplyError(aService)
	s.clock.Step(2 * time.Minute)
	s.wantQuiet(aService)
	s.patch(service, otherSelector, "gitops")
	s.wantApply("healed Service web", aService)
}

func TestChangedManifestIsAppliedDuringContention(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Service web", aService)
	if contested := s.contend(); contested.Name != "web" {
		t.Errorf("%s is contested", contested.Name)
	}
	s.wantApply("configured Service web", with(aService, "port: 80", "port: 82"))
}

func TestRepeatedDeletionsBackOff(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Service web", aService)
	for range 20 {
		s.delete(service)
		_, err := s.apply(aService)
		if contested := (*apply.ContestedError)(nil); errors.As(err, &contested) {
			return
		}
		s.awaitCache(s.get(service))
	}
	t.Error("contention is not detected")
}

func TestContentionDoesNotDelayOtherRetries(t *testing.T) {
	s := newStage(t)
	s.wantApply("created Service web", aService)
	if contested := s.contend(); contested.Name != "web" {
		t.Errorf("%s is contested", contested.Name)
	}
	_, err := s.apply(aService)
	if after, terminal := apply.Retry(err); after == 0 || terminal {
		t.Errorf("a fight alone is looked at after %s (terminal: %t)", after, terminal)
	}
	s.createForeign(aDeployment)
	_, err = s.apply(aService, aDeployment)
	if after, terminal := apply.Retry(err); after != 0 || terminal {
		t.Errorf("beside a conflict: after %s (terminal: %t), want the back-off's delay", after, terminal)
	}
}

// wantApplyError applies a manifest and wants the fight to be still on.
func (s *stage) wantApplyError(manifest string) {
	s.Helper()
	_, err := s.apply(manifest)
	if contested := (*apply.ContestedError)(nil); !errors.As(err, &contested) {
		s.Errorf("error %v, want a contested child", err)
	}
}
