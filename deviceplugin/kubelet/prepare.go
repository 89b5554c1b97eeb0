package kubelet

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dudaji/nufi/deviceplugin/discovery"
	"github.com/dudaji/nufi/deviceplugin/health"
)

// preparationPoll is the time between two checks of a device that is not free yet: the
// process of the previous container may still be exiting.
const preparationPoll = 200 * time.Millisecond

// prepare returns nil once every device passes its probe and is free, if the container was
// granted the devices' current nodes. It returns an error after the timeout, so that no
// container starts on a device in an unknown state.
func (s *Server) prepare(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, s.PreparationTimeout)
	defer cancel()
	group, probing := errgroup.WithContext(ctx)
	for _, id := range ids {
		group.Go(func() error { return s.prepareOne(probing, id) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := s.refresh(ctx, ids); err != nil {
		return err
	}
	return s.checkGrant(ids)
}

// prepareOne reads the device again before each probe: its driver may be loading.
func (s *Server) prepareOne(ctx context.Context, id string) error {
	var reason health.Reason
	for {
		_ = s.Devices.Refresh(ctx, []string{id}) // fails only if the context ended
		entry, err := s.find(id)
		if err != nil {
			return err
		}
		o := s.probe(ctx, entry.Device)
		if o.Result == health.Good {
			return nil
		}
		if reason == (health.Reason{}) || ctx.Err() == nil { // a timeout is not a reason
			reason = o.Reason
		}
		select {
		case <-ctx.Done():
			return status.Errorf(codes.FailedPrecondition, "device %s is not ready for a container: %s: %s", id, reason.Code, reason.Message)
		case <-s.Clock.After(preparationPoll):
		}
	}
}

func (s *Server) probe(ctx context.Context, device discovery.Device) health.Observation {
	if o := s.Prober.Observe(ctx, device); o.Result != health.Good {
		return o
	}
	return s.Prober.Free(ctx, device)
}
