package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	// checkInterval is the time between two evaluations without an event.
	checkInterval = 5 * time.Second
	// streamGrace is how long the kubelet may take to open its stream after a
	// registration.
	streamGrace = 10 * time.Second
	// registerTimeout bounds one attempt; the kubelet allows 10 s for its call back.
	registerTimeout = 20 * time.Second
	// disconnectedGrace is how long the kubelet may not be watching before the liveness
	// probe fails.
	disconnectedGrace = time.Minute
)

var (
	errNotReady      = errors.New("not all devices have been probed yet")
	errNotRegistered = errors.New("the kubelet is not watching the devices")
)

// Registration keeps a Server registered with the kubelet.
type Registration struct {
	server *Server
	dir    string
	drain  time.Duration
	wakeup chan struct{}

	mu                sync.Mutex
	current           *session
	disconnectedSince time.Time // zero while the kubelet is watching
}

// NewRegistration returns a Registration in the kubelet's plugin directory. A session
// that ends lets calls in progress finish for as long as drain.
func NewRegistration(server *Server, dir string, drain time.Duration) *Registration {
	return &Registration{server: server, dir: filepath.Clean(dir), drain: drain, wakeup: make(chan struct{}, 1)}
}

// Run serves and registers until the context ends. A host without devices is not
// registered.
func (r *Registration) Run(ctx context.Context) error {
	if !r.awaitDevices(ctx) {
		return nil
	}
	var stopping sync.WaitGroup
	defer stopping.Wait()
	watcher := newWatcher(r.dir, r.relevant, r.wake)
	defer watcher.close()

	log := logr.FromContextOrDiscard(ctx)
	sweep(ctx, r.dir, socketPrefix(r.server.Granter.Resource))
	backoff := newBackoff(r.server.Clock)
	for {
		watcher.ensure(log)
		wait := checkInterval
		if reason := r.evaluate(); reason != "" {
			wait = r.renew(ctx, reason, backoff, &stopping)
		}
		select {
		case <-ctx.Done():
			r.replace(nil, &stopping)
			return nil
		case <-r.wakeup:
		case <-r.server.Clock.After(wait):
		}
	}
}

// renew registers again if the back-off permits, and returns the time until the next
// evaluation.
func (r *Registration) renew(ctx context.Context, reason string, backoff *backoff, stopping *sync.WaitGroup) time.Duration {
	if wait := backoff.delay(r.kubeletSocket()); wait > 0 {
		return wait
	}
	log := logr.FromContextOrDiscard(ctx)
	next, err := r.establish(ctx)
	if err != nil {
		log.Info("Could not register with the kubelet", "reason", reason, "error", err.Error())
		return backoff.failed()
	}
	log.Info("Registered with the kubelet", "reason", reason, "socket", filepath.Base(next.path))
	r.replace(next, stopping)
	backoff.succeeded()
	return checkInterval
}

// awaitDevices returns false if the context ended first.
func (r *Registration) awaitDevices(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-r.server.Devices.Ready():
	}
	for {
		entries, changed := r.server.Devices.Snapshot()
		if len(entries) > 0 {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.disconnectedSince = r.server.Clock.Now()
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

// establish creates a session and registers it. A session that could not be registered
// is stopped; its name is not used again.
func (r *Registration) establish(ctx context.Context) (*session, error) {
	s, err := serve(ctx, r.server, r.dir, r.wake)
	if err == nil {
		if err = r.register(ctx, filepath.Base(s.path)); err != nil {
			s.stop(0)
		}
		s.registered = r.server.Clock.Now()
	}
	r.server.Metrics.registered(err)
	return s, err
}

func (r *Registration) register(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	conn, err := grpc.NewClient("unix:"+filepath.Join(r.dir, kubeletSocketName), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("dialling the kubelet: %w", err)
	}
	defer conn.Close() //nolint:errcheck // the call is over
	_, err = pluginapi.NewRegistrationClient(conn).Register(ctx, &pluginapi.RegisterRequest{
		Version:      pluginapi.Version,
		Endpoint:     endpoint,
		ResourceName: r.server.Granter.Resource,
		Options:      r.server.options(),
	})
	if err != nil {
		return fmt.Errorf("registering with the kubelet: %w", err)
	}
	return nil
}

// replace sets the current session and stops the previous one, which finishes the calls
// it has. Both are open for a moment, so that the kubelet always has one.
func (r *Registration) replace(next *session, stopping *sync.WaitGroup) {
	r.mu.Lock()
	before := r.current
	r.current = next
	r.mu.Unlock()
	if before != nil {
		stopping.Go(func() { before.stop(r.drain) })
	}
}

func (r *Registration) wake() {
	select {
	case r.wakeup <- struct{}{}:
	default: // a wake-up is pending
	}
}

func (r *Registration) kubeletSocket() os.FileInfo {
	info, err := os.Lstat(filepath.Join(r.dir, kubeletSocketName))
	if err != nil {
		return nil
	}
	return info
}
