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
	// check is the time between two looks at everything, in case no event told.
	check = 5 * time.Second
	// streamGrace is how long after a registration the kubelet may take to open its
	// stream.
	streamGrace = 10 * time.Second
	// registerTimeout bounds one attempt; the kubelet gives its call back 10 s.
	registerTimeout = 20 * time.Second
	// lostGrace is how long the plugin may be unknown to the kubelet before a restart
	// is worth trying.
	lostGrace = time.Minute
)

var (
	errNotReady      = errors.New("the devices were not all looked at yet")
	errNotRegistered = errors.New("the kubelet is not watching the devices")
)

// Registration keeps a Server registered with the kubelet.
type Registration struct {
	server *Server
	dir    string
	drain  time.Duration
	wakeup chan struct{}

	mu        sync.Mutex
	current   *session
	lostSince time.Time // zero while there is nothing to be lost
}

// NewRegistration makes a Registration in the kubelet's plugin directory. A session
// that ends lets the calls under way finish for as long as drain.
func NewRegistration(server *Server, dir string, drain time.Duration) *Registration {
	return &Registration{server: server, dir: filepath.Clean(dir), drain: drain, wakeup: make(chan struct{}, 1)}
}

// Run serves and registers until the context ends, and never gives up. A host without
// devices is not registered until it has one.
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
	pace := newPace(r.server.Clock)
	for {
		watcher.ensure(log)
		wait := check
		if why := r.judge(); why != "" {
			wait = r.renew(ctx, why, pace, &stopping)
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

// renew registers anew if it is time to, and returns how long to wait before the next
// look.
func (r *Registration) renew(ctx context.Context, why string, pace *pace, stopping *sync.WaitGroup) time.Duration {
	if wait := pace.due(r.kubeletSocket()); wait > 0 {
		return wait
	}
	log := logr.FromContextOrDiscard(ctx)
	next, err := r.establish(ctx)
	if err != nil {
		log.Info("could not register with the kubelet", "why", why, "error", err.Error())
		return pace.failed()
	}
	log.Info("registered with the kubelet", "why", why, "socket", filepath.Base(next.path))
	r.replace(next, stopping)
	pace.succeeded()
	return check
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
			r.lostSince = r.server.Clock.Now()
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

// establish makes a session and registers it. A session that could not be registered
// is stopped, and its name is never used again.
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

// replace makes a session the current one and stops the one before, which goes on
// answering the calls it has: with both alive the kubelet never sees none.
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
	default: // it is awake already
	}
}

func (r *Registration) kubeletSocket() os.FileInfo {
	info, err := os.Lstat(filepath.Join(r.dir, kubeletSocketName))
	if err != nil {
		return nil
	}
	return info
}
