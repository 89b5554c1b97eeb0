package templates

import (
	"context"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
)

const (
	// lookInterval is how often the directory is looked at.
	lookInterval = 2 * time.Second
	// secondChance is when a rejected candidate is judged again: the live spec that it
	// could not render may be gone.
	secondChance = 5 * time.Minute
)

// Store holds the serving set.
type Store struct {
	dir      string
	hooks    Hooks
	serving  atomic.Pointer[served]
	rejected atomic.Pointer[Rejection]
}

// Hooks are what a Store asks and tells.
type Hooks struct {
	// Live lists what is live.
	Live func(ctx context.Context) (Live, error)
	// Judge is Judge, or what a test has for it.
	Judge func(ctx context.Context, candidate fs.FS, live Live) error
	// Swapped is called after a candidate began to serve.
	Swapped func(set *render.Templates)
	// Rejected is called when a candidate was found bad.
	Rejected func(digest string, reason error)
}

// Open compiles the set in dir, or the one compiled in if dir is empty.
func Open(dir string, hooks Hooks) (*Store, error) {
	s := &Store{dir: dir, hooks: hooks}
	module := nufi.Module()
	if dir != "" {
		snapshot, err := Snapshot(dir)
		if err != nil {
			return nil, err
		}
		module = snapshot
	}
	set, err := render.Compile(module)
	if err != nil {
		return nil, err
	}
	s.serving.Store(&served{set, time.Now()})
	return s, nil
}

// Serving returns the set that renders now. It never blocks.
func (s *Store) Serving() *render.Templates { return s.serving.Load().set }

// NeedLeaderElection says that every replica keeps its own set up to date.
func (s *Store) NeedLeaderElection() bool { return false }

// Start looks after the directory until ctx ends. Without a directory there is nothing
// to do.
func (s *Store) Start(ctx context.Context) error {
	if s.dir == "" {
		return nil
	}
	log := logr.FromContextOrDiscard(ctx).WithName("templates").WithValues("directory", s.dir)
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	look := looker{store: s}
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := look.once(ctx, now); err != nil && ctx.Err() == nil {
				log.Error(err, "Kept the serving templates", "digest", s.Serving().Digest)
			}
		}
	}
}

// looker remembers what it judged, so that nothing is read, judged or said twice.
type looker struct {
	store      *Store
	serving    string // the stamp of the directory when it had the serving set
	rejected   string
	judgeAgain time.Time
}

// once compares the directory with the serving set, and swaps it in if it is another
// and good one.
func (l *looker) once(ctx context.Context, now time.Time) error {
	seen := stamp(l.store.dir, now) // Before the read: a change after it shows next time.
	if seen != "" && seen == l.serving {
		return nil
	}
	l.serving = ""
	candidate, digest, err := l.read()
	if err != nil {
		return l.reject("unreadable: "+err.Error(), now, err)
	}
	if digest == l.store.Serving().Digest {
		l.serving, l.rejected = seen, ""
		l.store.rejected.Store(nil)
		return nil
	}
	if digest == l.rejected && now.Before(l.judgeAgain) {
		return nil
	}
	if err := l.store.judge(ctx, candidate); err != nil {
		return l.reject(digest, now, fmt.Errorf("judging templates %s: %w", digest, err))
	}
	set, err := render.Compile(candidate)
	if err != nil {
		return l.reject(digest, now, err)
	}
	l.rejected = ""
	l.store.rejected.Store(nil)
	l.store.serving.Store(&served{set, now})
	l.store.hooks.Swapped(set)
	return nil
}

func (l *looker) read() (fs.FS, string, error) {
	candidate, err := Snapshot(l.store.dir)
	if err != nil {
		return nil, "", err
	}
	digest, err := render.Digest(candidate)
	return candidate, digest, err
}

// reject remembers digest, and reports reason the first time.
func (l *looker) reject(digest string, now time.Time, reason error) error {
	known := digest == l.rejected
	l.rejected, l.judgeAgain = digest, now.Add(secondChance)
	if known {
		return nil
	}
	l.store.rejected.Store(&Rejection{Candidate: digest, Reason: reason, Time: now})
	l.store.hooks.Rejected(digest, reason)
	return reason
}

// judge asks whether candidate can replace the serving set. A live spec that does not
// render now is no argument against it.
func (s *Store) judge(ctx context.Context, candidate fs.FS) error {
	live, err := s.hooks.Live(ctx)
	if err != nil {
		return fmt.Errorf("listing live specs: %w", err)
	}
	facts := render.SettingsByNamespace(live.Projects)
	var rendering Live
	for i := range live.Deploys {
		if _, err := s.Serving().Render(&live.Deploys[i], facts[live.Deploys[i].Namespace]); err == nil {
			rendering.Deploys = append(rendering.Deploys, live.Deploys[i])
		}
	}
	for i := range live.Projects {
		if _, err := s.Serving().RenderProject(&live.Projects[i]); err == nil {
			rendering.Projects = append(rendering.Projects, live.Projects[i])
		}
	}
	return s.hooks.Judge(ctx, candidate, rendering)
}
