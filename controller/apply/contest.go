package apply

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

const (
	// fightRounds healings within fightWindow are no accident.
	fightRounds = 5
	fightWindow = time.Minute
	// From then on, healings are this far apart, and twice as far after each.
	fightFirstDelay = 10 * time.Second
	fightMaxDelay   = 5 * time.Minute
)

// child identifies one child of one owner.
type child struct {
	owner types.UID
	key   key
}

// fight is the history of healing one child.
type fight struct {
	healed []time.Time
	// delay is zero as long as there is no fight.
	delay    time.Duration
	opponent opponent
}

// opponent is who keeps rewriting, and what. Either may be unknown.
type opponent struct{ manager, field string }

// fights counts healings in a sliding window.
type fights struct {
	clock   clock.PassiveClock
	mu      sync.Mutex
	byChild map[child]*fight
}

// next says how long a healing has to wait, and whether this is a fight. A healing
// that need not wait is counted.
func (f *fights) next(who child) (wait time.Duration, isFight bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock.Now()
	current := f.byChild[who]
	if current == nil {
		current = &fight{}
		f.byChild[who] = current
	}
	current.forgetBefore(now.Add(-fightWindow))
	switch {
	case current.delay == 0 && len(current.healed) >= fightRounds:
		current.delay = fightFirstDelay
		return current.until().Sub(now), true
	case current.delay > 0 && now.Before(current.until()):
		return current.until().Sub(now), true
	case current.delay > 0:
		current.delay = min(2*current.delay, fightMaxDelay)
	}
	current.healed = append(current.healed, now)
	return 0, current.delay > 0
}

// calm returns a *ContestedError as long as a fight may go on: until nothing was
// rewritten for a while.
func (f *fights) calm(who child) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	current := f.byChild[who]
	if current == nil {
		return nil
	}
	now := f.clock.Now()
	over := current.last().Add(fightWindow)
	if !now.Before(over) {
		delete(f.byChild, who)
		return nil
	}
	if current.delay == 0 {
		return nil
	}
	return newContested(who, current.opponent, over.Sub(now))
}

// name remembers who fights, and returns it.
func (f *fights) name(who child, find func() opponent) opponent {
	f.mu.Lock()
	current := f.byChild[who]
	known := current.opponent
	f.mu.Unlock()
	if known != (opponent{}) {
		return known
	}
	known = find() // Asks the API server: not under the lock.
	f.mu.Lock()
	defer f.mu.Unlock()
	current.opponent = known
	return known
}

func (f *fights) drop(who child) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.byChild, who)
}

func (f *fights) forget(owner types.UID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for who := range f.byChild {
		if who.owner == owner {
			delete(f.byChild, who)
		}
	}
}

// forgetBefore keeps the last healing in any case: delays count from it.
func (f *fight) forgetBefore(limit time.Time) {
	for len(f.healed) > 1 && f.healed[0].Before(limit) {
		f.healed = f.healed[1:]
	}
}

func (f *fight) last() time.Time {
	if len(f.healed) == 0 {
		return time.Time{}
	}
	return f.healed[len(f.healed)-1]
}

func (f *fight) until() time.Time { return f.last().Add(f.delay) }
