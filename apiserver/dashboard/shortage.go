package dashboard

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxOwners bounds the owners of devices that a page shows.
const maxOwners = 5

// shortage is what a deployment without devices waits for: where most devices of its type are free, and
// who holds the others.
type shortage struct {
	typeView

	Owners []deviceOwner // those that the user may list, the largest first
	Hidden int           // number of owners that are not shown
}

// deviceOwner is a deployment that holds devices, or a pod without one.
type deviceOwner struct {
	Name  string // NAMESPACE/NAME
	URL   string // empty for a pod
	Count int64
}

// shortage returns the shortage of a deployment that waits for devices, or nil. It is nil if the devices
// cannot be read: it is an addition to the message of the condition.
func (h *Handlers) shortage(r *http.Request, user *kube.UserClient, deploy *v1.NpuDeploy, stopped *holdUp) *shortage {
	if stopped == nil || stopped.Reason != v1.ReasonNoFreeDevice {
		return nil
	}
	view := devices.View{}
	if _, err := h.read(r, user, devicesOperation, input{}, &view); err != nil {
		return nil
	}
	kind := npudeploys.AcceleratorOf(deploy)
	i := slices.IndexFunc(view.Types, func(t devices.Type) bool { return t.Type == kind })
	if i < 0 {
		return nil
	}
	found := &shortage{typeView: newTypeView(r, view.Types[i], view.Nodes), Owners: ownersOf(view.Nodes, kind, languageOf(r))}
	if len(found.Owners) > maxOwners {
		found.Hidden = len(found.Owners) - maxOwners
		found.Owners = found.Owners[:maxOwners]
	}
	return found
}

// ownersOf returns who holds devices of a type, the largest first.
func ownersOf(nodes []devices.Node, kind string, l language) []deviceOwner {
	var owners []deviceOwner
	for i := range nodes {
		for _, holder := range nodes[i].Holders {
			if holder.Type != kind {
				continue
			}
			name := holder.Pod.Namespace + "/" + cmp.Or(holder.Pod.NpuDeploy, holder.Pod.Name)
			at := slices.IndexFunc(owners, func(owner deviceOwner) bool { return owner.Name == name })
			if at < 0 {
				at, owners = len(owners), append(owners, deviceOwner{Name: name})
				if holder.Pod.NpuDeploy != "" {
					owners[at].URL = l.url(deploymentPathOf(holder.Pod.Namespace, holder.Pod.NpuDeploy))
				}
			}
			owners[at].Count += holder.Count
		}
	}
	slices.SortFunc(owners, func(a, b deviceOwner) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	return owners
}
