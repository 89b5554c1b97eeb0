package templates

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
)

const (
	pollInterval = 2 * time.Second
	// retryInterval is the time until a rejected candidate is validated again: the live spec that
	// it could not render may have been deleted.
	retryInterval = 5 * time.Minute
	// retryUndecided is the interval if the cluster or this machine kept a candidate from being tried.
	retryUndecided = 10 * time.Second
	// remindInterval is the interval at which the reason for that is logged again.
	remindInterval = 5 * time.Minute
)

// Store holds the serving set.
type Store struct {
	dir      string
	hooks    Hooks
	serving  atomic.Pointer[servingSet]
	rejected atomic.Pointer[Rejection]
}

type servingSet struct {
	set   *render.Templates
	since time.Time
}

// Hooks connect a Store with its program.
type Hooks struct {
	// Live lists the live objects.
	Live func(ctx context.Context) (Live, error)
	// Validate is the function of that name, or a test's.
	Validate func(ctx context.Context, candidate fs.FS, live Live) error
	// WaitsForValid makes Open validate the set in the directory. If it is invalid, the Store
	// serves none until a valid one replaces it.
	WaitsForValid bool
	// Try checks that the API server accepts what a valid candidate renders; nil accepts all.
	// A *RejectedError rejects the candidate. After another error it is tried again.
	Try func(ctx context.Context, candidate, serving *render.Templates) error
	// Swapped is called after a candidate has begun to serve.
	Swapped func(set *render.Templates)
	// Rejected is called when a candidate, or the set at the start, was found invalid.
	Rejected func(digest string, reason error)
}

// State describes a Store.
type State struct {
	Set       *render.Templates // the serving set, or nil if none is valid yet
	Since     time.Time         // when it began to serve
	Directory string            // empty for the compiled-in set
	// Rejected is the invalid candidate in the directory, if there is one.
	Rejected *Rejection
}

// Rejection is an invalid candidate.
type Rejection struct {
	Candidate string // its digest, or the error of reading it
	Reason    error  // a line for each violation
	Time      time.Time
}

// Open compiles the set in dir, or the compiled-in set if dir is empty. There is no older set to
// serve if that in dir is invalid: see Hooks.WaitsForValid.
func Open(dir string, hooks Hooks) (*Store, error) {
	s := &Store{dir: dir, hooks: hooks}
	module, err := Module(dir)
	if err != nil {
		return nil, err
	}
	if dir != "" && hooks.WaitsForValid {
		if err := hooks.Validate(context.Background(), module, Live{}); err != nil {
			return s, s.rejectFirst(module, err)
		}
	}
	set, err := render.Compile(module)
	if err != nil {
		return nil, err
	}
	s.serving.Store(&servingSet{set, time.Now()})
	return s, nil
}

// Module returns the set in dir, or the compiled-in one if dir is empty.
func Module(dir string) (fs.FS, error) {
	if dir == "" {
		return nufi.Module(), nil
	}
	return Snapshot(dir)
}

// rejectFirst records that the set at the start is invalid.
func (s *Store) rejectFirst(set fs.FS, reason error) error {
	digest, err := render.Digest(set)
	if err != nil {
		return err
	}
	s.serving.Store(&servingSet{})
	s.rejected.Store(&Rejection{Candidate: digest, Reason: fmt.Errorf("validating templates %s: %w", digest, reason), Time: time.Now()})
	s.hooks.Rejected(digest, reason)
	return nil
}

// Serving returns the serving set, or nil if none is valid yet. It never blocks.
func (s *Store) Serving() *render.Templates { return s.serving.Load().set }

// servingDigest is empty if there is no serving set.
func (s *Store) servingDigest() string {
	if set := s.Serving(); set != nil {
		return set.Digest
	}
	return ""
}

// Require returns the serving set, or why there is none. It never blocks.
func (s *Store) Require() (*render.Templates, error) {
	rejected := s.rejected.Load() // Before the set, which replaces it.
	if set := s.Serving(); set != nil {
		return set, nil
	}
	return nil, fmt.Errorf("no templates serve: %w", rejected.Reason)
}

// State returns the state of the Store. It never blocks.
func (s *Store) State() State {
	serving := s.serving.Load()
	return State{Set: serving.set, Since: serving.since, Directory: s.dir, Rejected: s.rejected.Load()}
}

// NeedLeaderElection returns false: every replica updates its own set.
func (s *Store) NeedLeaderElection() bool { return false }

// Start watches the directory until ctx ends. It returns at once without a directory.
func (s *Store) Start(ctx context.Context) error {
	if s.dir == "" {
		return nil
	}
	log := logr.FromContextOrDiscard(ctx).WithName("templates").WithValues("directory", s.dir)
	if _, err := s.Require(); err != nil {
		log.Error(err, "Nothing is applied until the directory has valid templates")
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	poller := poller{store: s}
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := poller.poll(ctx, now); err != nil && ctx.Err() == nil {
				log.Error(err, "Kept the serving templates", "digest", s.servingDigest())
			}
		}
	}
}

// poller records the last results, so that nothing is read, validated or reported twice.
type poller struct {
	store   *Store
	serving string    // fingerprint of the directory when it held the serving set
	failed  string    // digest of the candidate that was rejected, or could not be tried
	retry   time.Time // of that candidate
	remind  time.Time // when its error is returned again, if it could not be tried
}

// poll compares the directory with the serving set, and swaps in another, valid one.
func (p *poller) poll(ctx context.Context, now time.Time) error {
	current := fingerprint(p.store.dir, now) // Before the read: the next poll sees a later change.
	if current != "" && current == p.serving {
		return nil
	}
	p.serving = ""
	candidate, digest, err := p.read()
	if err != nil {
		return p.reject("unreadable: "+err.Error(), now, err)
	}
	if digest == p.store.servingDigest() {
		p.serving, p.failed = current, ""
		p.store.rejected.Store(nil)
		return nil
	}
	if digest == p.failed && now.Before(p.retry) {
		return nil
	}
	set, err := p.store.prepare(ctx, candidate)
	if ctx.Err() != nil {
		return ctx.Err() // The candidate was not decided on.
	}
	if isUndecided(err) {
		return p.postpone(digest, now, err)
	}
	if err != nil {
		return p.reject(digest, now, fmt.Errorf("validating templates %s: %w", digest, err))
	}
	p.failed = ""
	p.store.serving.Store(&servingSet{set, now})
	p.store.rejected.Store(nil)
	p.store.hooks.Swapped(set)
	return nil
}

func (p *poller) read() (fs.FS, string, error) {
	candidate, err := Snapshot(p.store.dir)
	if err != nil {
		return nil, "", err
	}
	digest, err := render.Digest(candidate)
	return candidate, digest, err
}

// reject records digest, and returns reason the first time.
func (p *poller) reject(digest string, now time.Time, reason error) error {
	p.failed, p.retry = digest, now.Add(retryInterval)
	if last := p.store.rejected.Load(); last != nil && last.Candidate == digest {
		return nil
	}
	p.store.rejected.Store(&Rejection{Candidate: digest, Reason: reason, Time: now})
	p.store.hooks.Rejected(digest, reason)
	return reason
}

// postpone returns reason the first time, and then at intervals, since the cause may stay until somebody removes it.
func (p *poller) postpone(digest string, now time.Time, reason error) error {
	isRepeated := digest == p.failed && now.Before(p.remind)
	p.failed, p.retry = digest, now.Add(retryUndecided)
	if isRepeated {
		return nil
	}
	p.remind = now.Add(remindInterval)
	return reason
}

// undecidedError is a candidate that could not be tried.
type undecidedError struct{ err error }

func (e *undecidedError) Error() string { return "trying the templates: " + e.err.Error() }

func (e *undecidedError) Unwrap() error { return e.err }

func isUndecided(err error) bool {
	_, is := errors.AsType[*undecidedError](err)
	return is
}

// prepare validates candidate, and returns it compiled.
func (s *Store) prepare(ctx context.Context, candidate fs.FS) (*render.Templates, error) {
	if err := s.validate(ctx, candidate); err != nil {
		return nil, err
	}
	set, err := render.Compile(candidate)
	if err != nil || s.hooks.Try == nil || s.Serving() == nil {
		return set, err
	}
	err = s.hooks.Try(ctx, set, s.Serving())
	if err != nil && !isRejected(err) {
		err = &undecidedError{err}
	}
	return set, err
}

// validate checks whether candidate can replace the serving set. A live spec that the serving set does not render
// either is no reason to reject it. Only after a rejection does this process render the live specs.
func (s *Store) validate(ctx context.Context, candidate fs.FS) error {
	serving := s.Serving()
	if serving == nil {
		return s.hooks.Validate(ctx, candidate, Live{})
	}
	live, err := s.hooks.Live(ctx)
	if err != nil {
		return &undecidedError{fmt.Errorf("listing live specs: %w", err)}
	}
	err = s.hooks.Validate(ctx, candidate, live)
	if !isRejected(err) {
		return err
	}
	rendering := live.renderingWith(serving)
	if len(rendering.Deploys) == len(live.Deploys) && len(rendering.Projects) == len(live.Projects) {
		return err
	}
	return s.hooks.Validate(ctx, candidate, rendering)
}

// renderingWith returns the specs that set renders.
func (l Live) renderingWith(set *render.Templates) Live {
	settings := render.SettingsByNamespace(l.Projects)
	var rendering Live
	for i := range l.Deploys {
		if _, err := set.RenderShared(&l.Deploys[i], settings[l.Deploys[i].Namespace], render.ReportedBackends(&l.Deploys[i])...); err == nil {
			rendering.Deploys = append(rendering.Deploys, l.Deploys[i])
		}
	}
	for i := range l.Projects {
		if _, err := set.EvaluateProject(&l.Projects[i]); err == nil {
			rendering.Projects = append(rendering.Projects, l.Projects[i])
		}
	}
	return rendering
}
