package rollout_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Digests of sets.
const (
	before = "sha256:before"
	target = "sha256:target"
)

// fleet simulates NpuDeploys and a controller that applies assignments.
type fleet struct {
	t       *testing.T
	input   rollout.Input
	last    rollout.Result
	maxDown int
}

func newFleet(t *testing.T, policy render.ChangePolicy, effects ...render.Effect) *fleet {
	t.Helper()
	f := &fleet{t: t, input: rollout.Input{
		Rollout: &v1.TemplateRollout{Spec: v1.TemplateRolloutSpec{Templates: target, Revision: 1}},
		Policy:  policy, Now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), // a Monday
	}}
	f.input.Rollout.Name = "templates-1"
	for i, effect := range effects {
		f.input.Deploys = append(f.input.Deploys, rollout.Deploy{
			Namespace: fmt.Sprint("team-", i%4), Name: fmt.Sprint("web-", i), Templates: before, Earlier: before, Applied: before,
			Effect: effect, Ready: rollout.Condition{IsTrue: true, Reason: v1.ReasonReady, Since: f.input.Now.Add(-time.Hour)},
		})
	}
	return f
}

func restarts(n int) []render.Effect {
	effects := make([]render.Effect, n)
	for i := range effects {
		effects[i] = render.Restart
	}
	return effects
}

// evaluate evaluates, records the result, and returns the assigned NpuDeploys. They are not Ready
// until finish.
func (f *fleet) evaluate() []*rollout.Deploy {
	f.t.Helper()
	f.last = rollout.Evaluate(f.input)
	f.input.Rollout.Status = f.last.Status
	var assigned []*rollout.Deploy
	for _, assignment := range f.last.Assignments {
		for i := range f.input.Deploys {
			d := &f.input.Deploys[i]
			if d.Namespace != assignment.Namespace || d.Name != assignment.Name {
				continue
			}
			isMoved := d.Templates != assignment.Templates
			d.Assignment, d.Templates = &assignment.RolloutAssignment, assignment.Templates
			if isMoved && d.Effect != render.InPlace {
				d.Ready = rollout.Condition{Reason: v1.ReasonProgressing, Since: f.input.Now}
			}
			d.Effect = render.None
			if d.Templates != target {
				d.Effect = render.Restart
			}
			if isMoved {
				assigned = append(assigned, d)
			}
		}
	}
	f.maxDown = max(f.maxDown, len(f.down()))
	if again := rollout.Evaluate(f.input); len(again.Assignments) > 0 {
		f.t.Errorf("a second evaluation of the same input assigns %v", again.Assignments)
	}
	return assigned
}

func (f *fleet) down() []*rollout.Deploy {
	var down []*rollout.Deploy
	for i := range f.input.Deploys {
		if !f.input.Deploys[i].Ready.IsTrue {
			down = append(down, &f.input.Deploys[i])
		}
	}
	return down
}

// finish makes assigned NpuDeploys Ready, or not Ready for a reason.
func (f *fleet) finish(deploys []*rollout.Deploy, reason string) {
	for _, d := range deploys {
		d.Applied, d.Ready = d.Templates, rollout.Condition{IsTrue: reason == v1.ReasonReady, Reason: reason, Since: f.input.Now}
	}
}

// run evaluates until nothing is assigned any more. Each assigned NpuDeploy becomes Ready at once.
func (f *fleet) run() {
	f.t.Helper()
	for range 1000 {
		assigned := f.evaluate()
		f.finish(assigned, v1.ReasonReady)
		if f.last.Next.IsZero() && len(assigned) == 0 {
			return
		}
		if f.last.Next.After(f.input.Now) {
			f.input.Now = f.last.Next
		}
	}
	f.t.Fatal("the rollout does not end")
}

// condition returns the status and the reason of a condition.
func (f *fleet) condition(kind string) string {
	condition := meta.FindStatusCondition(f.input.Rollout.Status.Conditions, kind)
	if condition == nil {
		return ""
	}
	return string(condition.Status) + " " + condition.Reason
}

func (f *fleet) expect(kind, want string) {
	f.t.Helper()
	if got := f.condition(kind); got != want {
		f.t.Errorf("%s is %q, want %q: %+v", kind, got, want, f.input.Rollout.Status)
	}
}

func (f *fleet) on(templates string) int {
	n := 0
	for _, d := range f.input.Deploys {
		if d.Templates == templates {
			n++
		}
	}
	return n
}

func policy() render.ChangePolicy {
	return render.ChangePolicy{
		Shares: []int{10, 50, 100}, HealthySeconds: 60, DeadlineSeconds: 3600, OnFailure: render.OnFailureRevert,
		MaxDisrupted: render.MaxDisrupted{Total: intstr.FromInt32(3), PerProject: intstr.FromInt32(3)},
	}
}

func TestWavesEndWithAllUpdated(t *testing.T) {
	t.Parallel()
	effects := append(restarts(20), render.InPlace, render.InPlace, render.None, render.Refused, render.Delete)
	f := newFleet(t, policy(), effects...)
	f.input.Policy.Canaries = map[string]string{"canary": "true"}
	f.input.Deploys[7].Labels = map[string]string{"canary": "true"}
	if assigned := f.evaluate(); len(assigned) != 2 || assigned[0].Assignment.Wave != 0 {
		t.Fatalf("the first wave assigns %v", assigned)
	}
	f.expect(v1.ConditionProgressing, "True Updating")
	f.finish([]*rollout.Deploy{&f.input.Deploys[20], &f.input.Deploys[21]}, v1.ReasonReady)
	f.run()
	f.expect(v1.ConditionComplete, "True Complete")
	f.expect(v1.ConditionProgressing, "False AllUpdated")
	f.expect(v1.ConditionHalted, "False NoFailure")
	if f.maxDown > 3 {
		t.Errorf("%d were disrupted at a time", f.maxDown)
	}
	want := []v1.RolloutWave{
		{Name: "InPlace", Total: 2, Updated: 2, Ready: 2}, {Name: "Canary", Total: 1, Updated: 1, Ready: 1},
		{Name: "10%", Total: 2, Updated: 2, Ready: 2}, {Name: "50%", Total: 8, Updated: 8, Ready: 8},
		{Name: "100%", Total: 10, Updated: 10, Ready: 10},
	}
	status := f.input.Rollout.Status
	if delta := cmp.Diff(want, status.Waves); delta != "" {
		t.Errorf("waves (-want +got):\n%s", delta)
	}
	plan := &v1.RolloutPlan{None: 1, InPlace: 2, Restart: 20, Delete: 1, Refused: 1}
	if delta := cmp.Diff(plan, status.Plan); delta != "" || status.Summary != "23/23" {
		t.Errorf("summary %s, plan (-want +got):\n%s", status.Summary, delta)
	}
	if f.on(before) != 2 { // the refused one, and the unaffected one
		t.Errorf("%d are on the earlier set", f.on(before))
	}
}

func TestCanarySelectorMayHaveAnEmptyValue(t *testing.T) {
	t.Parallel()
	f := newFleet(t, policy(), restarts(2)...)
	f.input.Policy.Canaries, f.input.Policy.Shares = map[string]string{"canary": ""}, nil
	f.input.Deploys[1].Labels = map[string]string{"canary": ""}
	previews := rollout.PreviewOf(f.input.Policy, f.input.Deploys)
	want := []rollout.Preview{{Name: "Canary", Deploys: []string{"team-1/web-1"}}, {Name: "100%", Deploys: []string{"team-0/web-0"}}}
	if delta := cmp.Diff(want, previews); delta != "" {
		t.Errorf("waves (-want +got):\n%s", delta)
	}
}

func TestFailureHaltsAndReverts(t *testing.T) {
	t.Parallel()
	f := newFleet(t, policy(), restarts(40)...)
	canaries := f.evaluate()
	if len(canaries) != 3 {
		t.Fatalf("%d are assigned, want 3", len(canaries))
	}
	f.finish(canaries[:1], v1.ReasonReady)
	f.finish(canaries[1:2], v1.ReasonCrashLoop)
	back := f.evaluate()
	f.expect(v1.ConditionHalted, "True DeploysFailed")
	f.expect(v1.ConditionProgressing, "True Reverting")
	if len(back) != 3 || f.on(target) != 0 {
		t.Fatalf("%d return, %d are on the new set", len(back), f.on(target))
	}
	f.finish(back, v1.ReasonReady)
	f.run()
	f.expect(v1.ConditionHalted, "True DeploysFailed")
	f.expect(v1.ConditionProgressing, "False Stopped")
	f.expect(v1.ConditionComplete, "False Incomplete")
	want := []v1.FailedDeploy{{Namespace: canaries[1].Namespace, Name: canaries[1].Name, Reason: v1.ReasonCrashLoop}}
	if delta := cmp.Diff(want, f.input.Rollout.Status.Failed); delta != "" {
		t.Errorf("failed (-want +got):\n%s", delta)
	}

	// The rollout stays halted when the failed NpuDeploy is deleted, and resumes by a retry.
	failed := *canaries[1]
	for i := range f.input.Deploys {
		if f.input.Deploys[i].Name == failed.Name {
			f.input.Deploys = append(f.input.Deploys[:i], f.input.Deploys[i+1:]...)
			break
		}
	}
	f.run()
	f.expect(v1.ConditionHalted, "True DeploysFailed")
	f.input.Deploys = append(f.input.Deploys, failed)
	f.input.Rollout.Spec.Retries = 1
	f.run()
	f.expect(v1.ConditionComplete, "True Complete")
	if f.on(target) != 40 {
		t.Errorf("%d are on the new set", f.on(target))
	}
}

// Healthy NpuDeploys of a failed wave return within the bounds of policy, too.
func TestRevertIsBounded(t *testing.T) {
	t.Parallel()
	p := policy()
	p.Shares = []int{100}
	f := newFleet(t, p, restarts(20)...)
	for f.on(target) < 18 {
		f.finish(f.evaluate(), v1.ReasonReady)
	}
	f.finish(f.evaluate(), v1.ReasonOutOfMemory)
	f.run()
	if f.expect(v1.ConditionHalted, "True DeploysFailed"); f.on(before) != 20 || f.maxDown > 3 {
		t.Errorf("%d have returned, %d were disrupted at a time", f.on(before), f.maxDown)
	}
}

func TestFailedDeploysHaltTheRollout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit   func(*rollout.Input)
		reason string // of one of the first three
		after  time.Duration
		halted string
	}{
		"starting":               {reason: v1.ReasonStarting, halted: "False NoFailure"},
		"no free device":         {reason: v1.ReasonNoFreeDevice, halted: "False NoFailure"},
		"image":                  {reason: v1.ReasonImagePull, halted: "True DeploysFailed"},
		"picker":                 {reason: v1.ReasonPickerFailed, halted: "True DeploysFailed"},
		"picker that starts":     {reason: v1.ReasonPickerNotReady, halted: "False NoFailure"},
		"deadline":               {reason: v1.ReasonStarting, after: time.Hour, halted: "True DeploysFailed"},
		"tolerated number":       {edit: func(i *rollout.Input) { i.Policy.Tolerance = intstr.FromInt32(1) }, reason: v1.ReasonCrashLoop, halted: "False NoFailure"},
		"tolerated share":        {edit: func(i *rollout.Input) { i.Policy.Tolerance = intstr.FromString("34%") }, reason: v1.ReasonCrashLoop, halted: "False NoFailure"},
		"share that is exceeded": {edit: func(i *rollout.Input) { i.Policy.Tolerance = intstr.FromString("30%") }, reason: v1.ReasonCrashLoop, halted: "True DeploysFailed"},
		"aborted":                {edit: func(i *rollout.Input) { i.Rollout.Spec.Aborted = true }, reason: v1.ReasonStarting, halted: "True Aborted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, policy(), restarts(30)...)
			assigned := f.evaluate()
			f.finish(assigned[:2], v1.ReasonReady)
			f.finish(assigned[2:], c.reason)
			if c.edit != nil {
				c.edit(&f.input)
			}
			f.input.Now = f.input.Now.Add(c.after)
			f.evaluate()
			f.expect(v1.ConditionHalted, c.halted)
		})
	}
}

func TestNotReadyBeforeIsNeitherWaitedForNorFailed(t *testing.T) {
	t.Parallel()
	f := newFleet(t, policy(), restarts(10)...)
	for i := range f.input.Deploys {
		f.input.Deploys[i].Ready.IsTrue, f.input.Deploys[i].Ready.Reason = i >= 5, v1.ReasonCrashLoop
	}
	for range 200 {
		for _, d := range f.evaluate() {
			reason := v1.ReasonReady
			if !d.Assignment.WasReady {
				reason = v1.ReasonCrashLoop
			}
			f.finish([]*rollout.Deploy{d}, reason)
		}
		f.input.Now = f.input.Now.Add(time.Minute)
	}
	f.expect(v1.ConditionComplete, "True Complete")
	f.expect(v1.ConditionHalted, "False NoFailure")
	notReady := int32(0)
	for _, wave := range f.input.Rollout.Status.Waves {
		notReady += wave.NotReadyBefore
	}
	if notReady != 5 {
		t.Errorf("%d were not Ready before, want 5", notReady)
	}
}

// serveWithoutRoute makes an NpuDeploy Available, but not Ready: its servers run.
func serveWithoutRoute(d *rollout.Deploy, now time.Time) {
	d.Ready = rollout.Condition{Reason: v1.ReasonRouteNotAccepted, Since: now}
	d.Available = rollout.Condition{IsTrue: true, Reason: v1.ReasonAvailable, Since: now}
}

func newFleetWithoutRoutes(t *testing.T) *fleet {
	t.Helper()
	f := newFleet(t, policy(), restarts(20)...)
	for i := range f.input.Deploys {
		serveWithoutRoute(&f.input.Deploys[i], f.input.Now)
	}
	return f
}

// restart replaces the pods of an NpuDeploy.
func restart(d *rollout.Deploy, reason string, now time.Time) {
	d.Applied, d.Ready = d.Templates, rollout.Condition{Reason: reason, Since: now}
	d.Available = d.Ready
}

func TestServersWithoutARouteAreUpdatedInWaves(t *testing.T) {
	t.Parallel()
	f := newFleetWithoutRoutes(t)
	most := 0
	for range 200 {
		assigned := f.evaluate()
		most = max(most, len(assigned))
		for _, d := range assigned {
			restart(d, v1.ReasonStarting, f.input.Now)
		}
		if more := f.evaluate(); len(assigned) == 3 && len(more) > 0 {
			t.Fatalf("%d are assigned while three start", len(more))
		}
		for _, d := range assigned {
			serveWithoutRoute(d, f.input.Now)
		}
		f.input.Now = f.input.Now.Add(time.Minute)
	}
	f.expect(v1.ConditionComplete, "True Complete")
	f.expect(v1.ConditionHalted, "False NoFailure")
	if most != 3 || f.on(target) != 20 {
		t.Errorf("%d are assigned at a time, %d in the end", most, f.on(target))
	}
	for _, wave := range f.input.Rollout.Status.Waves {
		if wave.NotReadyBefore > 0 || wave.Ready != wave.Total {
			t.Errorf("%+v", wave)
		}
	}
}

func TestServersWithoutARouteHaltTheRolloutIfTheyCrash(t *testing.T) {
	t.Parallel()
	f := newFleetWithoutRoutes(t)
	for _, d := range f.evaluate() {
		restart(d, v1.ReasonCrashLoop, f.input.Now)
	}
	back := f.evaluate()
	f.expect(v1.ConditionHalted, "True DeploysFailed")
	for _, d := range back {
		d.Applied = d.Templates
		serveWithoutRoute(d, f.input.Now)
	}
	f.evaluate()
	f.expect(v1.ConditionProgressing, "False Stopped")
	if f.on(before) != 20 {
		t.Errorf("%d are on the earlier set", f.on(before))
	}
}

// A user changes a spec while its wave is under way.
func TestInvalidChangeOfASpecIsNoFailure(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*fleet{"Ready": newFleet(t, policy(), restarts(20)...), "Available": newFleetWithoutRoutes(t)} {
		for range 200 {
			for _, d := range f.evaluate() {
				restart(d, v1.ReasonStarting, f.input.Now)
				serveWithoutRoute(d, f.input.Now)
				d.Ready.IsTrue, d.Manifests = name == "Ready", rollout.Condition{IsTrue: true, Reason: v1.ReasonApplied, Since: f.input.Now}
				if d.Name == "web-1" {
					d.Manifests = rollout.Condition{Reason: v1.ReasonInvalidSpec, Since: f.input.Now}
					d.Ready = d.Manifests
				}
			}
			f.input.Now = f.input.Now.Add(time.Minute)
		}
		if f.condition(v1.ConditionComplete) != "True Complete" || f.on(target) != 20 {
			t.Errorf("%s: Complete is %s, %d are on the set", name, f.condition(v1.ConditionComplete), f.on(target))
		}
	}
}

// Available is that of the earlier set's pods if the manifests are rejected.
func TestServersWithoutARouteHaltTheRolloutIfTheirManifestsAreRejected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason   string
		rendered bool
		since    time.Duration // after the assignment
		halted   string
	}{
		"does not render":       {v1.ReasonInvalidSpec, false, 0, "True DeploysFailed"},
		"is rejected":           {v1.ReasonRejected, true, time.Second, "True DeploysFailed"},
		"was rejected before":   {v1.ReasonRejected, true, -time.Second, "False NoFailure"},
		"cannot be applied yet": {v1.ReasonApplyFailed, true, time.Second, "False NoFailure"},
		"is being deleted":      {v1.ReasonTerminating, true, time.Second, "False NoFailure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleetWithoutRoutes(t)
			assigned := f.evaluate()
			for _, d := range assigned {
				if c.rendered {
					d.Applied = d.Templates
				}
				d.Manifests = rollout.Condition{Reason: c.reason, Since: f.input.Now.Add(c.since)}
			}
			f.input.Now = f.input.Now.Add(time.Minute)
			f.evaluate()
			f.expect(v1.ConditionHalted, c.halted)
		})
	}
}

func TestManifestsThatAreNotAppliedDoNotEndAWave(t *testing.T) {
	t.Parallel()
	f := newFleetWithoutRoutes(t)
	for _, d := range f.evaluate() {
		d.Applied = d.Templates
		d.Manifests = rollout.Condition{Reason: v1.ReasonApplyFailed, Since: f.input.Now}
	}
	f.input.Now = f.input.Now.Add(time.Duration(f.input.Policy.HealthySeconds+1) * time.Second)
	if more := f.evaluate(); len(more) > 0 {
		t.Errorf("%d further ones are assigned", len(more))
	}
}

// loseRoutes updates a part of the fleet, and then no route is accepted any more.
func loseRoutes(t *testing.T) *fleet {
	t.Helper()
	p := policy()
	p.Shares = []int{100}
	f := newFleet(t, p, restarts(20)...)
	for f.on(target) < 18 {
		f.finish(f.evaluate(), v1.ReasonReady)
	}
	for i := range f.input.Deploys {
		serveWithoutRoute(&f.input.Deploys[i], f.input.Now)
	}
	return f
}

func TestServersThatLoseTheirRoutesReturnWithinTheLimits(t *testing.T) {
	t.Parallel()
	f := loseRoutes(t)
	if back := f.evaluate(); len(back) == 0 || len(back) > 3 {
		t.Errorf("%d return at a time", len(back))
	}
	f.expect(v1.ConditionHalted, "True DeploysFailed")
}

func TestServersThatLoseTheirRoutesTakeTheNextSetWithinTheLimits(t *testing.T) {
	t.Parallel()
	f := loseRoutes(t)
	f.input.Earlier = map[string]*v1.TemplateRollout{f.input.Rollout.Name: f.input.Rollout}
	f.input.Rollout = &v1.TemplateRollout{Spec: v1.TemplateRolloutSpec{Templates: "sha256:next", Revision: 2}}
	f.input.Rollout.Name = "templates-2"
	for i := range f.input.Deploys {
		f.input.Deploys[i].Effect = render.Restart
	}
	if assigned := rollout.Evaluate(f.input).Assignments; len(assigned) == 0 || len(assigned) > 3 {
		t.Errorf("%d are assigned at a time", len(assigned))
	}
}

func TestRolloutStopsIfTheEarlierSetIsLost(t *testing.T) {
	t.Parallel()
	f := newFleet(t, policy(), restarts(20)...)
	for i := range f.input.Deploys {
		f.input.Deploys[i].Earlier = ""
	}
	f.finish(f.evaluate(), v1.ReasonCrashLoop)
	if back := f.evaluate(); len(back) > 0 {
		t.Errorf("%d return", len(back))
	}
	f.expect(v1.ConditionHalted, "True DeploysFailed")
	f.expect(v1.ConditionProgressing, "False Stopped")
	if got := f.on(target); got == 0 || got > 3 {
		t.Errorf("%d are on the new set", got)
	}
}

func TestNothingIsAssigned(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*rollout.Input)
		want string
		next time.Duration
	}{
		"while it is paused": {edit: func(i *rollout.Input) { i.Rollout.Spec.Paused = true }, want: "False Paused"},
		"before a window": {edit: func(i *rollout.Input) {
			i.Policy.Windows = []render.Window{{Days: []string{"Mon"}, From: "22:00", To: "06:00", Zone: "Asia/Seoul"}}
		}, want: "True WaitingForWindow", next: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, policy(), restarts(10)...)
			c.edit(&f.input)
			if assigned := f.evaluate(); len(assigned) > 0 {
				t.Errorf("assigned %v", assigned)
			}
			f.expect(v1.ConditionProgressing, c.want)
			if got := f.last.Next; c.next == 0 && !got.IsZero() || c.next != 0 && !got.Equal(f.input.Now.Add(c.next)) {
				t.Errorf("next %s", got)
			}
		})
	}
}

func TestWindowsBeginInTheirZone(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	nights := render.Window{Days: []string{"Sat", "Sun"}, From: "22:00", To: "06:00", Zone: "Asia/Seoul"}
	berlin := render.Window{Days: []string{"Sun"}, From: "01:00", To: "04:00", Zone: "Europe/Berlin"}
	for name, c := range map[string]struct {
		now     string
		windows []render.Window
		next    string // empty: a window is open
	}{
		"in the week":                   {"2026-03-04T12:00:00Z", []render.Window{nights}, "2026-03-07T13:00:00Z"},
		"begins":                        {"2026-03-07T13:00:00Z", []render.Window{nights}, ""},
		"a second before it begins":     {"2026-03-07T12:59:59Z", []render.Window{nights}, "2026-03-07T13:00:00Z"},
		"in the night after its day":    {"2026-03-08T20:59:59Z", []render.Window{nights}, ""}, // Monday 5:59
		"ends":                          {"2026-03-08T21:00:00Z", []render.Window{nights}, "2026-03-14T13:00:00Z"},
		"the first of two":              {"2026-03-04T12:00:00Z", []render.Window{nights, {Days: []string{"Thu"}, From: "10:00", To: "11:00", Zone: "UTC"}}, "2026-03-05T10:00:00Z"},
		"before the clock goes forward": {"2026-03-28T12:00:00Z", []render.Window{berlin}, "2026-03-29T00:00:00Z"},
		"three hours that are two":      {"2026-03-29T01:59:59Z", []render.Window{berlin}, ""},
		"after those":                   {"2026-03-29T02:00:00Z", []render.Window{berlin}, "2026-04-04T23:00:00Z"},
		"in summer":                     {"2026-04-05T01:59:59Z", []render.Window{berlin}, ""},
	} {
		f := newFleet(t, policy(), restarts(1)...)
		f.input.Now, f.input.Policy.Windows = at(c.now), c.windows
		assigned := f.evaluate()
		if c.next == "" != (len(assigned) == 1) || c.next != "" && !f.last.Next.Equal(at(c.next)) {
			t.Errorf("%s: %d are assigned, the next window begins at %s", name, len(assigned), f.last.Next.UTC())
		}
	}
}

func TestDisruptionIsBoundedInEachProject(t *testing.T) {
	t.Parallel()
	p := policy()
	p.Shares, p.MaxDisrupted = nil, render.MaxDisrupted{Total: intstr.FromString("50%"), PerProject: intstr.FromInt32(1)}
	f := newFleet(t, p, restarts(40)...)
	byProject := map[string]int{}
	for _, d := range f.evaluate() {
		byProject[d.Namespace]++
	}
	if delta := cmp.Diff(map[string]int{"team-0": 1, "team-1": 1, "team-2": 1, "team-3": 1}, byProject); delta != "" {
		t.Errorf("disrupted by project (-want +got):\n%s", delta)
	}
}

// devicesOn gives each NpuDeploy one pod, with devices of a node that has no others.
func (f *fleet) devicesOn(count int64, free ...int64) {
	for i := range f.input.Deploys {
		node := fmt.Sprint("node-", i%len(free))
		f.input.Deploys[i].Devices = &rollout.Devices{Resource: "npu", PerPod: count, Held: []rollout.Held{{Node: node, Count: count}}}
	}
	for i, count := range free {
		f.input.Nodes = append(f.input.Nodes, rollout.Node{
			Name: fmt.Sprint("node-", i), Labels: map[string]string{"index": strconv.Itoa(i)}, Free: map[string]int64{"npu": count},
		})
	}
}

func TestRolloutNeedsNoSpareDevices(t *testing.T) {
	t.Parallel()
	f := newFleet(t, policy(), restarts(12)...)
	f.devicesOn(4, 0, 0, 0)
	f.run()
	f.expect(v1.ConditionComplete, "True Complete")
}

func TestNpuDeploysRestartIfNodesHaveTheirDevices(t *testing.T) {
	t.Parallel()
	each := func(edit func(*rollout.Devices)) func(*rollout.Input) {
		return func(input *rollout.Input) {
			for i := range input.Deploys {
				edit(input.Deploys[i].Devices)
			}
		}
	}
	waiting := func(d rollout.Devices) func(*rollout.Input) {
		return func(input *rollout.Input) {
			d.Waiting = 1
			input.Deploys = append(input.Deploys, rollout.Deploy{Namespace: "team", Name: "pending", Effect: render.None, Devices: &d})
		}
	}
	for name, c := range map[string]struct {
		free []int64
		edit func(*rollout.Input)
		want int // assigned
	}{
		"their own":                           {[]int64{0, 0}, each(func(*rollout.Devices) {}), 3},
		"a new pod needs more":                {[]int64{3, 3}, each(func(d *rollout.Devices) { d.PerPod = 8 }), 0},
		"one node has more":                   {[]int64{3, 4}, each(func(d *rollout.Devices) { d.PerPod = 8 }), 1},
		"a new pod starts first":              {[]int64{3, 3}, each(func(d *rollout.Devices) { d.Surge = 1 }), 0},
		"a new pod starts first, on one":      {[]int64{3, 4}, each(func(d *rollout.Devices) { d.Surge = 1 }), 1},
		"a new pod selects no node":           {[]int64{9, 9}, each(func(d *rollout.Devices) { d.NodeSelector = map[string]string{"index": "2"} }), 0},
		"a pod waits for them":                {[]int64{0, 0}, waiting(rollout.Devices{Resource: "npu", PerPod: 4}), 0},
		"a pod waits, and gets others":        {[]int64{0, 4}, waiting(rollout.Devices{Resource: "npu", PerPod: 4}), 3},
		"a pod waits for more":                {[]int64{3, 3}, waiting(rollout.Devices{Resource: "npu", PerPod: 8}), 3},
		"a pod waits for those of one node":   {[]int64{0, 0}, waiting(rollout.Devices{Resource: "npu", PerPod: 4, NodeSelector: map[string]string{"index": "0"}}), 3},
		"a pod waits for another node":        {[]int64{0, 0}, waiting(rollout.Devices{Resource: "npu", PerPod: 4, NodeSelector: map[string]string{"index": "2"}}), 3},
		"a pod waits for another accelerator": {[]int64{0, 0}, waiting(rollout.Devices{Resource: "gpu", PerPod: 1}), 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, policy(), restarts(30)...)
			f.devicesOn(4, c.free...)
			c.edit(&f.input)
			if assigned := f.evaluate(); len(assigned) != c.want {
				t.Errorf("%d are assigned, want %d", len(assigned), c.want)
			}
			if want := "True WaitingForDevices"; c.want == 0 {
				f.expect(v1.ConditionProgressing, want)
			}
		})
	}
}

// The updates of an NpuDeploy may become automatic after the waves have ended.
func TestNpuDeployIsAssignedAfterTheWaves(t *testing.T) {
	t.Parallel()
	f := newFleet(t, policy(), restarts(4)...)
	f.run()
	late := f.input.Deploys[0]
	late.Name, late.Assignment, late.Templates, late.Applied, late.Effect = "late", nil, before, before, render.Restart
	f.input.Deploys = append(f.input.Deploys, late)
	f.run()
	if f.expect(v1.ConditionComplete, "True Complete"); f.on(target) != 5 {
		t.Errorf("%d are on the new set", f.on(target))
	}
}

func TestPreviewListsTheWavesThatFollow(t *testing.T) {
	t.Parallel()
	f := newFleet(t, policy(), append(restarts(12), render.InPlace, render.None, render.Refused)...)
	f.input.Policy.Canaries = map[string]string{"canary": "true"}
	f.input.Deploys[3].Labels = map[string]string{"canary": "true"}
	previews := rollout.PreviewOf(f.input.Policy, f.input.Deploys)
	var got []string
	for _, preview := range previews {
		got = append(got, fmt.Sprint(preview.Name, " ", len(preview.Deploys)))
	}
	want := []string{"InPlace 1", "Canary 1", "10% 1", "50% 4", "100% 6"}
	if delta := cmp.Diff(want, got); delta != "" {
		t.Fatalf("waves (-want +got):\n%s", delta)
	}
	if want := []string{"team-3/web-3"}; !cmp.Equal(previews[1].Deploys, want) {
		t.Errorf("canaries %v, want %v", previews[1].Deploys, want)
	}
}

func TestStagesAreUpdatedInTheirOrder(t *testing.T) {
	t.Parallel()
	f := newFleet(t, policy(), restarts(20)...)
	stage := func(name string) render.Stage {
		return render.Stage{Name: name, Projects: map[string]string{"stage": name}}
	}
	f.input.Policy.Stages = []render.Stage{stage("dev"), stage("test")}
	for i := range f.input.Deploys {
		f.input.Deploys[i].ProjectLabels = map[string]string{"stage": map[string]string{"team-0": "test", "team-1": "dev"}[f.input.Deploys[i].Namespace]}
	}
	var order []string
	for range 100 {
		assigned := f.evaluate()
		for _, d := range assigned {
			if !slices.Contains(order, d.Namespace) {
				order = append(order, d.Namespace)
			}
		}
		f.finish(assigned, v1.ReasonReady)
		f.input.Now = f.input.Now.Add(time.Minute)
	}
	f.expect(v1.ConditionComplete, "True Complete")
	if order = order[:2]; !slices.Equal(order, []string{"team-1", "team-0"}) {
		t.Errorf("the first projects are %v", order)
	}
	var waves []string
	for _, wave := range f.input.Rollout.Status.Waves {
		waves = append(waves, fmt.Sprint(wave.Name, " ", wave.Total))
	}
	if want := []string{"InPlace 0", "dev 5", "test 5", "10% 0", "50% 0", "100% 10"}; !slices.Equal(waves, want) {
		t.Errorf("waves are %v, want %v", waves, want)
	}
}

// The policy of older templates has no waves.
func TestPolicyWithoutWavesUpdatesAllAtOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, render.ChangePolicy{}, restarts(9)...)
	if assigned := f.evaluate(); len(assigned) != 9 {
		t.Errorf("%d are assigned, want 9", len(assigned))
	}
}

// BenchmarkEvaluate evaluates the event of one of 10,000 NpuDeploys in the middle of a rollout.
func BenchmarkEvaluate(b *testing.B) {
	p := policy()
	p.MaxDisrupted = render.MaxDisrupted{Total: intstr.FromString("10%"), PerProject: intstr.FromString("50%")}
	f := &fleet{input: rollout.Input{Rollout: &v1.TemplateRollout{Spec: v1.TemplateRolloutSpec{Templates: target, Revision: 1}}, Policy: p}}
	f.input.Now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for i := range 10_000 {
		f.input.Deploys = append(f.input.Deploys, rollout.Deploy{
			Namespace: fmt.Sprint("team-", i%100), Name: fmt.Sprint("web-", i), Templates: before, Earlier: before, Applied: before,
			Effect: render.Restart, Ready: rollout.Condition{IsTrue: true, Reason: v1.ReasonReady, Since: f.input.Now.Add(-time.Hour)}, Devices: &rollout.Devices{Resource: "npu", PerPod: 1, Held: []rollout.Held{{Node: fmt.Sprint("node-", i/8), Count: 1}}},
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		if result := rollout.Evaluate(f.input); len(result.Assignments) != 1000 {
			b.Fatalf("%d are assigned", len(result.Assignments))
		}
	}
}
