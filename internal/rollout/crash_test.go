package rollout_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/rollout"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// versioned is an object of the simulated API server with its resource version.
type versioned[T any] struct {
	object  T
	version int
}

// records are what is stored: the API server's, or a controller's older copy of it.
type records struct {
	deploys  map[string]versioned[rollout.Deploy]
	rollouts []versioned[v1.TemplateRollout] // the oldest first
}

func (r records) clone() records {
	return records{deploys: maps.Clone(r.deploys), rollouts: slices.Clone(r.rollouts)}
}

// process is the memory of a controller, which a crash ends.
type process struct {
	records // what it has read

	// unrecorded are the assignments that are recorded with their result.
	unrecorded map[string]unrecorded
	decided    bool // whether it has assigned what it assigns
}

// unrecorded is an assignment, valid while the one before is recorded.
type unrecorded struct{ before, next *v1.RolloutAssignment }

// assignmentOf returns the assignment of an NpuDeploy that a controller knows.
func (p *process) assignmentOf(d rollout.Deploy) *v1.RolloutAssignment {
	if known, ok := p.unrecorded[d.Name]; ok && equality.Semantic.DeepEqual(known.before, d.Assignment) {
		return known.next
	}
	return d.Assignment
}

// simulation is an API server, controllers that read copies of its objects, and pods. Events happen in
// a random order. A controller may crash between any two writes, and writes may fail while the API server is
// unreachable.
type simulation struct {
	t      *testing.T
	random *rand.Rand
	policy render.ChangePolicy
	now    time.Time

	stored      records
	controllers []*process
	bad         map[string]bool
	// inPlace are the NpuDeploys whose servers stay.
	inPlace map[string]bool
	// applied are the sets that were applied to each NpuDeploy, in their order.
	applied map[string][]string
	maxDown int
}

// newSimulation simulates NpuDeploys that restart, and then others whose servers stay.
func newSimulation(t *testing.T, seed uint64, controllers, restarting, inPlace int) *simulation {
	t.Helper()
	s := &simulation{
		t: t, random: rand.New(rand.NewPCG(seed, seed)), policy: policy(), now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC),
		stored: records{deploys: map[string]versioned[rollout.Deploy]{}}, bad: map[string]bool{}, applied: map[string][]string{},
		inPlace: map[string]bool{},
	}
	for i := range restarting + inPlace {
		d := rollout.Deploy{
			Namespace: fmt.Sprint("team-", i%3), Name: fmt.Sprint("web-", i), Templates: before, Applied: before,
			Ready: rollout.Condition{IsTrue: true, Reason: v1.ReasonReady, Since: s.now.Add(-time.Hour)},
		}
		s.stored.deploys[d.Name] = versioned[rollout.Deploy]{object: d}
		s.inPlace[d.Name] = i >= restarting
	}
	for range controllers {
		s.controllers = append(s.controllers, s.started())
	}
	return s
}

// started returns a controller that has read everything.
func (s *simulation) started() *process {
	return &process{records: s.stored.clone(), unrecorded: map[string]unrecorded{}}
}

// serve creates the rollout of a set, which supersedes the others.
func (s *simulation) serve(templates string) {
	revision := int64(len(s.stored.rollouts) + 1)
	next := v1.TemplateRollout{Spec: v1.TemplateRolloutSpec{Templates: templates, Revision: revision}}
	next.Name = fmt.Sprint("templates-", revision)
	s.stored.rollouts = append(s.stored.rollouts, versioned[v1.TemplateRollout]{object: next})
}

// run lets events happen until nothing changes any more.
func (s *simulation) run() {
	s.t.Helper()
	for range 300 {
		s.event()
	}
	unchanged := 0
	for range 2000 {
		before := s.writes()
		for i := range s.controllers {
			s.controllers[i].records = s.stored.clone()
			s.evaluate(i, none)
		}
		for _, name := range s.names() {
			for i := range s.controllers {
				s.reconcile(i, name, none)
			}
			s.start(name)
		}
		s.now = s.now.Add(time.Minute)
		if unchanged++; s.writes() != before {
			unchanged = 0
		}
		if unchanged > 2 {
			return
		}
	}
	s.t.Fatal("the simulation does not end")
}

func (s *simulation) names() []string { return slices.Sorted(maps.Keys(s.stored.deploys)) }

// writes counts all changes.
func (s *simulation) writes() int {
	writes := 0
	for _, d := range s.stored.deploys {
		writes += d.version
	}
	for _, r := range s.stored.rollouts {
		writes += r.version
	}
	return writes
}

// event lets one random event happen.
func (s *simulation) event() {
	s.t.Helper()
	i, names := s.random.IntN(len(s.controllers)), s.names()
	name := names[s.random.IntN(len(names))]
	switch s.random.IntN(10) {
	case 0: // Its informers catch up.
		s.controllers[i].records = s.stored.clone()
	case 1, 2:
		s.controllers[i].deploys[name] = s.stored.deploys[name]
	case 3:
		s.controllers[i].rollouts = slices.Clone(s.stored.rollouts)
	case 4:
		s.evaluate(i, crash)
	case 5:
		s.evaluate(i, []interruption{none, outage}[s.random.IntN(2)])
	case 6, 7:
		s.reconcile(i, name, []interruption{none, crash, outage}[s.random.IntN(3)])
	case 8:
		s.start(name)
	case 9:
		s.now = s.now.Add(time.Duration(s.random.IntN(40)) * time.Second)
	}
	s.maxDown = max(s.maxDown, s.down())
}

// interruption is what interrupts the writes of a controller.
type interruption int

const (
	none interruption = iota
	// crash ends the controller before a random write. The next one reads all again.
	crash
	// outage makes random writes fail, before or after they took effect, and the informers do not catch up.
	outage
)

// evaluate evaluates the newest rollout that a controller has read, and writes the result: first that the
// others are superseded, then the assignments, then the status, but a halt alone. Assignments are written in
// parallel: one that fails does not end the others. It gives up at a conflict or an error.
func (s *simulation) evaluate(i int, interrupted interruption) {
	s.t.Helper()
	read := s.controllers[i]
	if len(read.rollouts) == 0 {
		return
	}
	last := len(read.rollouts) - 1
	result := rollout.Evaluate(s.input(read))
	var supersede, assign []func() bool
	for old := range read.rollouts[:last] {
		supersede = append(supersede, func() bool { return s.patchRollout(read.records, old, v1.TemplateRolloutStatus{}) })
	}
	isHalted := func(status v1.TemplateRolloutStatus) bool {
		return meta.IsStatusConditionTrue(status.Conditions, v1.ConditionHalted)
	}
	for _, assignment := range result.Assignments {
		if assignment.WithResult {
			before := read.deploys[assignment.Name].object.Assignment
			read.unrecorded[assignment.Name] = unrecorded{before, &assignment.RolloutAssignment}
			continue
		}
		if isHalted(read.rollouts[last].object.Status) || !isHalted(result.Status) {
			assign = append(assign, func() bool { return s.assign(read.records, assignment) })
		}
	}
	until := len(supersede) + len(assign) + 1
	if interrupted == crash {
		until = s.random.IntN(until + 1)
	}
	write := func(do func() bool) bool {
		if until--; until < 0 {
			return false
		}
		return s.write(i, interrupted == outage && s.random.IntN(3) == 0, do)
	}
	isWritten := true
	for _, do := range supersede {
		isWritten = isWritten && write(do)
	}
	isSuperseded := isWritten
	for _, do := range assign {
		isWritten = isSuperseded && write(do) && isWritten
	}
	if isWritten {
		read.decided = true
		write(func() bool { return s.patchRollout(read.records, last, result.Status) })
	}
	if interrupted == crash {
		s.controllers[i] = s.started()
	}
}

// write performs a write of a controller. One that fails may take effect, which the controller has not read.
func (s *simulation) write(i int, fails bool, do func() bool) bool {
	if !fails {
		return do()
	}
	if s.random.IntN(2) == 0 {
		before := s.controllers[i].clone()
		do()
		s.controllers[i].records = before
	}
	return false
}

// patchRollout writes the status of a rollout, or that it is superseded, if no other write preceded.
func (s *simulation) patchRollout(read records, i int, next v1.TemplateRolloutStatus) bool {
	current := read.rollouts[i]
	if next.Plan == nil {
		if rollout.IsComplete(&current.object) {
			return true
		}
		next = *current.object.Status.DeepCopy()
		meta.SetStatusCondition(&next.Conditions, condition(v1.ConditionProgressing, v1.ReasonSuperseded, metav1.ConditionFalse))
	}
	if equality.Semantic.DeepEqual(current.object.Status, next) {
		return true
	}
	if s.stored.rollouts[i].version != current.version {
		return false
	}
	current.object.Status = next
	current.version++
	s.stored.rollouts[i], read.rollouts[i] = current, current
	return true
}

func (s *simulation) assign(read records, assignment rollout.Assignment) bool {
	d := s.stored.deploys[assignment.Name]
	if d.version != read.deploys[assignment.Name].version {
		return false
	}
	d.object.Assignment = &assignment.RolloutAssignment
	d.version++
	s.stored.deploys[assignment.Name], read.deploys[assignment.Name] = d, d
	return true
}

// input describes the NpuDeploys as the controller does.
func (s *simulation) input(read *process) rollout.Input {
	current := read.rollouts[len(read.rollouts)-1].object
	input := rollout.Input{Rollout: &current, Policy: s.policy, Now: s.now, Earlier: map[string]*v1.TemplateRollout{}}
	halted := map[string]bool{}
	for _, r := range read.rollouts {
		input.Earlier[r.object.Name] = &r.object
		halted[r.object.Spec.Templates] = meta.IsStatusConditionTrue(r.object.Status.Conditions, v1.ConditionHalted)
	}
	for _, name := range slices.Sorted(maps.Keys(read.deploys)) {
		d := read.deploys[name].object
		d.Assignment = read.assignmentOf(d)
		d.Templates = assignedSet(d)
		if d.Earlier, d.Effect = d.Templates, render.Restart; s.inPlace[name] {
			d.Effect = render.InPlace
		}
		if d.Templates == current.Spec.Templates {
			d.Effect = render.None
		}
		if halted[d.Templates] && d.Assignment != nil {
			d.Earlier = d.Assignment.From
		}
		input.Deploys = append(input.Deploys, d)
	}
	return input
}

// assignedSet returns the set that an NpuDeploy uses.
func assignedSet(d rollout.Deploy) string {
	if d.Assignment != nil {
		return d.Assignment.Templates
	}
	return d.Applied
}

// reconcile applies the assigned set, which restarts the pods unless servers stay.
func (s *simulation) reconcile(i int, name string, interrupted interruption) {
	if s.inPlace[name] {
		s.reconcileInPlace(i, name, interrupted)
		return
	}
	d := s.stored.deploys[name]
	if assigned := assignedSet(d.object); assigned != d.object.Applied {
		d.object.Applied, d.object.Ready = assigned, rollout.Condition{Reason: v1.ReasonProgressing, Since: s.now}
		d.version++
		s.applied[name] = append(s.applied[name], assigned)
		s.stored.deploys[name] = d
	}
}

// reconcileInPlace applies the assigned set, and records that in another write, unless it is interrupted between
// them. Until a controller has decided, it does not apply an earlier set than the newest.
func (s *simulation) reconcileInPlace(i int, name string, interrupted interruption) {
	d, controller := s.stored.deploys[name], s.controllers[i]
	assignment := controller.assignmentOf(d.object)
	known := d.object
	known.Assignment = assignment
	assigned := assignedSet(known)
	if rollouts := controller.rollouts; len(rollouts) > 0 && !controller.decided && assigned != rollouts[len(rollouts)-1].object.Spec.Templates {
		return
	}
	if sets := s.applied[name]; len(sets) == 0 && assigned != before || len(sets) > 0 && sets[len(sets)-1] != assigned {
		s.applied[name] = append(sets, assigned)
	}
	if interrupted == crash {
		s.controllers[i] = s.started()
	}
	if interrupted != none || d.object.Applied == assigned {
		return
	}
	d.object.Applied, d.object.Assignment = assigned, assignment
	d.version++
	s.stored.deploys[name] = d
}

// start makes the pods of an NpuDeploy Ready, or lets them crash if the set is bad.
func (s *simulation) start(name string) {
	d := s.stored.deploys[name]
	reason := v1.ReasonReady
	if s.bad[d.object.Applied] {
		reason = v1.ReasonCrashLoop
	}
	if d.object.Ready.Reason != reason {
		d.object.Ready = rollout.Condition{IsTrue: reason == v1.ReasonReady, Reason: reason, Since: s.now}
		d.version++
		s.stored.deploys[name] = d
	}
}

// down counts the NpuDeploys that are not Ready, or will not be as soon as their set is applied.
func (s *simulation) down() int {
	down := 0
	for name, d := range s.stored.deploys {
		if !d.object.Ready.IsTrue || assignedSet(d.object) != d.object.Applied && !s.inPlace[name] {
			down++
		}
	}
	return down
}

// mostDown returns how many may be down: two controllers do not see each other's last assignments.
func (s *simulation) mostDown() int { return 3 * len(s.controllers) }

// expectApplied checks the sets that were applied to each NpuDeploy.
func (s *simulation) expectApplied(check func(sets []string) bool, want string) {
	s.t.Helper()
	for _, name := range s.names() {
		if sets := s.applied[name]; !check(sets) {
			s.t.Errorf("%s was applied %v: %s", name, sets, want)
		}
	}
}

func (s *simulation) condition(kind string) string {
	condition := meta.FindStatusCondition(s.stored.rollouts[len(s.stored.rollouts)-1].object.Status.Conditions, kind)
	if condition == nil {
		return "absent"
	}
	return string(condition.Status) + " " + condition.Reason
}

// seeds is the number of random orders of events in each test.
const seeds = 60

// A controller crashes between any two writes, its writes fail, and two controllers run, each with its own delay.
func TestEachNpuDeployRestartsOnceDespiteCrashesAndOutages(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		s := newSimulation(t, seed, 1+int(seed%2), 12, 0)
		s.serve(target)
		s.run()
		s.expectApplied(func(sets []string) bool { return slices.Equal(sets, []string{target}) }, "want the new set, once")
		if got := s.condition(v1.ConditionComplete); got != "True Complete" || s.maxDown > s.mostDown() {
			t.Errorf("Complete is %s, %d were down", got, s.maxDown)
		}
		if t.Failed() {
			t.Fatal("seed ", seed)
		}
	}
}

func TestBadSetIsRevertedDespiteCrashesAndOutages(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds) {
		s := newSimulation(t, seed, 1+int(seed%2), 12, 0)
		s.bad[target] = true
		s.serve(target)
		s.run()
		s.expectApplied(func(sets []string) bool { return len(sets) == 0 || slices.Equal(sets, []string{target, before}) },
			"want the bad set once, and then the earlier one, or neither")
		if got := s.condition(v1.ConditionHalted); got != "True DeploysFailed" || len(s.applied) == 0 || len(s.applied) > 3 {
			t.Errorf("Halted is %s, %v were updated", got, s.applied)
		}
		if t.Failed() {
			t.Fatal("seed ", seed)
		}
	}
}

// A set that supersedes another one in the middle of its rollout, or of its reverts.
func TestNewestSetSupersedesDespiteCrashesAndOutages(t *testing.T) {
	t.Parallel()
	const newest = "sha256:newest"
	for seed := range uint64(seeds) {
		s := newSimulation(t, seed, 1+int(seed%2), 12, 0)
		s.bad[target] = seed%4 < 2
		s.serve(target)
		for range 20 + seed {
			s.event()
		}
		s.serve(newest)
		s.run()
		s.expectApplied(func(sets []string) bool {
			seen := map[string]int{}
			for _, set := range sets {
				seen[set]++
			}
			return seen[newest] == 1 && seen[target] <= 1 && seen[before] <= 1 && sets[len(sets)-1] == newest
		}, "want the newest set, once, as the last one")
		if got := s.condition(v1.ConditionComplete); got != "True Complete" || s.maxDown > s.mostDown() {
			t.Errorf("Complete is %s, %d were down", got, s.maxDown)
		}
		if t.Failed() {
			t.Fatal("seed ", seed)
		}
	}
}

// An update that replaces no server is recorded after it was applied. Two controllers may apply it in turns until then.
func TestUpdateInPlaceIsAppliedOnceDespiteCrashesAndOutages(t *testing.T) {
	t.Parallel()
	const newest = "sha256:newest"
	for seed := range uint64(3 * seeds) {
		s := newSimulation(t, seed, 1+int(seed%2), 3, 12)
		isBad, isSuperseded := seed%3 == 1, seed%3 == 2
		s.bad[target] = isBad
		s.serve(target)
		last := target
		if isBad {
			last = before
		}
		if isSuperseded {
			for range 20 + seed {
				s.event()
			}
			s.serve(newest)
			last = newest
		}
		s.run()
		for name, d := range s.stored.deploys {
			sets := s.applied[name]
			if isOnce := len(slices.Compact(slices.Sorted(slices.Values(sets)))) == len(sets); !isOnce && len(s.controllers) == 1 {
				t.Errorf("%s was applied %v: want each set once", name, sets)
			}
			isApplied := len(sets) == 0 && last == before || len(sets) > 0 && sets[len(sets)-1] == last
			if !isApplied || d.object.Applied != last || assignedSet(d.object) != last {
				t.Errorf("%s was applied %v, and records %s and %v: want %s", name, sets, d.object.Applied, d.object.Assignment, last)
			}
		}
		if got, want := s.condition(v1.ConditionHalted) == "True DeploysFailed", isBad; got != want {
			t.Errorf("halted: %t, want %t", got, want)
		}
		if t.Failed() {
			t.Fatal("seed ", seed)
		}
	}
}
