package report

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/deviceplugin/inventory"
	"github.com/dudaji/nufi/deviceplugin/outage"
)

const (
	// heartbeat is the time between two patches without a change.
	heartbeat = 5 * time.Minute
	// settle is the least time between two patches, so that many devices that fail at
	// once cause two patches.
	settle = time.Second
	// patchBurst patches are settle apart. Further ones are patchInterval apart, so that devices that flap cause no
	// more writes than the kubelet.
	patchBurst    = 10
	patchInterval = 10 * time.Second
	// callTimeout bounds one call to the API server.
	callTimeout = 10 * time.Second
)

// Devices is the source of devices.
type Devices interface {
	Ready() <-chan struct{}
	Snapshot() ([]inventory.Entry, <-chan struct{})
}

// Condition keeps one condition of the node up to date.
type Condition struct {
	API      *API
	Node     string
	Type     corev1.NodeConditionType
	Resource string
	Devices  Devices
	Clock    clock.Clock
}

// Run patches until the context ends. A node that never had a device has no condition.
func (c Condition) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-c.Devices.Ready():
	}
	log, hadDevices := logr.FromContextOrDiscard(ctx), false
	var outages outage.Log
	patches := rate.NewLimiter(rate.Every(patchInterval), patchBurst)
	for {
		entries, changed := c.Devices.Snapshot()
		wait := heartbeat
		if hadDevices = hadDevices || len(entries) > 0; hadDevices {
			err := c.patch(ctx, Summarize(c.Resource, entries))
			if ctx.Err() == nil {
				outages.Record(log, err, "Could not report the devices' condition", "Reported the devices' condition again")
			}
			if err != nil {
				wait = callTimeout
			}
		}
		now := c.Clock.Now()
		pause := max(settle, patches.ReserveN(now, 1).DelayFrom(now))
		if !c.await(ctx, nil, pause) || !c.await(ctx, changed, wait) {
			return nil
		}
	}
}

// await returns false if the context ended first.
func (c Condition) await(ctx context.Context, changed <-chan struct{}, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-changed:
	case <-c.Clock.After(d):
	}
	return true
}

// patch writes the condition. It keeps the node's transition time while the status is the
// same, also across restarts of the plugin.
func (c Condition) patch(ctx context.Context, s Summary) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	node, err := c.API.node(ctx, c.Node)
	if err != nil {
		return fmt.Errorf("getting node %s: %w", c.Node, err)
	}
	now := metav1.NewTime(c.Clock.Now())
	condition := corev1.NodeCondition{
		Type: c.Type, Status: s.Status, Reason: s.Reason, Message: s.Message,
		LastHeartbeatTime: now, LastTransitionTime: now,
	}
	for _, old := range node.Status.Conditions {
		if old.Type == c.Type && old.Status == s.Status {
			condition.LastTransitionTime = old.LastTransitionTime
		}
	}
	data, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []corev1.NodeCondition{condition}}})
	if err != nil {
		return fmt.Errorf("encoding the condition: %w", err)
	}
	if err := c.API.patchNodeStatus(ctx, c.Node, data); err != nil {
		return fmt.Errorf("patching the status of node %s: %w", c.Node, err)
	}
	return nil
}
