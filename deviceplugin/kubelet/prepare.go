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

// preparationPoll is the time between two looks at a device that is not free yet:
// the process of the container before may still be on its way out.
const preparationPoll = 200 * time.Millisecond

// prepare returns nil once every device answers and is free, and an error if one does
// not in time: a container that would start on a device in doubt does not start.
func (s *Server) prepare(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, s.PreparationTimeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, id := range ids {
		entry, err := s.find(id)
		if err != nil {
			return err
		}
		group.Go(func() error { return s.prepareOne(ctx, entry.Device) })
	}
	return group.Wait()
}

func (s *Server) prepareOne(ctx context.Context, device discovery.Device) error {
	var why health.Reason
	for {
		o := s.look(ctx, device)
		if o.Verdict == health.Good {
			return nil
		}
		if why == (health.Reason{}) || ctx.Err() == nil { // that time is up explains nothing
			why = o.Reason
		}
		select {
		case <-ctx.Done():
			return status.Errorf(codes.FailedPrecondition, "device %s is not ready for a container: %s: %s", device.ID, why.Code, why.Message)
		case <-s.Clock.After(preparationPoll):
		}
	}
}

func (s *Server) look(ctx context.Context, device discovery.Device) health.Observation {
	if o := s.Prober.Observe(ctx, device); o.Verdict != health.Good {
		return o
	}
	return s.Prober.Free(ctx, device)
}
