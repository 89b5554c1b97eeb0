package dashboard

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/internal/status"
)

// podList is what the tab of pods shows of REST's list.
type podList struct {
	Total int   `json:"total"`
	Pods  []pod `json:"pods"`
}

type pod struct {
	Name       string           `json:"name"`
	Node       string           `json:"node"`
	Group      *int32           `json:"group"`
	Role       string           `json:"role"` // suffix of its key in words
	Ready      bool             `json:"ready"`
	Restarts   int32            `json:"restarts"`
	Created    time.Time        `json:"created"`
	Scheduled  time.Time        `json:"scheduled"`
	Deleting   bool             `json:"deleting"`
	Requested  map[string]int64 `json:"devices"`
	Containers []container      `json:"containers"`
	Reason     string           `json:"reason"`
	Message    string           `json:"message"`

	State    state            `json:"-"`
	Age      moment           `json:"-"`
	Devices  []string         `json:"-"`
	Measured []devices.Device `json:"-"` // that the pod holds, as exporters describe them
	LogURL   string           `json:"-"`
}

type container struct {
	Name     string    `json:"name"`
	Image    string    `json:"image"`
	Restarts int32     `json:"restarts"`
	State    string    `json:"state"`
	Reason   string    `json:"reason"`
	Pulled   time.Time `json:"pulled"`
	Started  time.Time `json:"started"`
	LastExit *struct {
		Reason   string    `json:"reason"`
		ExitCode int32     `json:"exitCode"`
		Finished time.Time `json:"finished"`

		Age moment `json:"-"`
	} `json:"lastExit"`

	LogURL string `json:"-"` // of the container before its restart; empty without an exit
}

func addPods(h *Handlers, r *http.Request, user *kube.UserClient, page *deploymentPage) error {
	list := page.listed
	if page.podsError != nil {
		return page.podsError
	}
	measured := h.devicesByPod(r, user, page.Project)
	language := languageOf(r)
	for i := range list.Pods {
		p := &list.Pods[i]
		p.Measured = measured[p.Name]
		p.Age = momentOf(p.Created, page.now)
		if p.State = stateOfReason(p.Reason); p.Ready {
			p.State = status.StateReady
		}
		for _, resource := range slices.Sorted(maps.Keys(p.Requested)) {
			p.Devices = append(p.Devices, strconv.FormatInt(p.Requested[resource], 10)+" "+resource)
		}
		p.LogURL = language.url(page.Path+"/logs", "pod", p.Name)
		for j := range p.Containers {
			if c := &p.Containers[j]; c.LastExit != nil {
				c.LastExit.Age = momentOf(c.LastExit.Finished, page.now)
				parameters := []string{"pod", p.Name, "container", c.Name}
				if c.State != "Terminated" {
					parameters = append(parameters, "previous", "true")
				}
				c.LogURL = language.url(page.Path+"/logs", parameters...)
			}
		}
	}
	slices.SortStableFunc(list.Pods, compareGroups)
	page.Pods = list
	return nil
}

// compareGroups orders pods by their group, and the leader, or the head, before the workers.
func compareGroups(a, b pod) int {
	number := func(p pod) int32 {
		if p.Group == nil {
			return -1
		}
		return *p.Group
	}
	return cmp.Or(cmp.Compare(number(a), number(b)), cmp.Compare(a.Role, b.Role))
}

// devicesByPod returns the devices that exporters describe, by the pod of the namespace that holds them.
// It returns none if they cannot be read: they are an addition.
func (h *Handlers) devicesByPod(r *http.Request, user *kube.UserClient, namespace string) map[string][]devices.Device {
	view, byPod := devices.View{}, map[string][]devices.Device{}
	if _, err := h.read(r, user, devicesOperation, input{}, &view); err != nil {
		return nil
	}
	for i := range view.Nodes {
		for _, device := range view.Nodes[i].Devices {
			if device.Pod != nil && device.Pod.Namespace == namespace {
				byPod[device.Pod.Name] = append(byPod[device.Pod.Name], device)
			}
		}
	}
	return byPod
}

// event is what the tab of events shows of one of REST's.
type event struct {
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	Type    string    `json:"type"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Source  string    `json:"source"`
	Count   int32     `json:"count"`
	Last    time.Time `json:"last"`

	Age moment `json:"-"`
}

func addEvents(h *Handlers, r *http.Request, user *kube.UserClient, page *deploymentPage) error {
	var list struct {
		Events []event `json:"events"`
	}
	if _, err := h.read(r, user, eventsOperation, input{}, &list); err != nil {
		return err
	}
	for i := range list.Events {
		list.Events[i].Age = momentOf(list.Events[i].Last, page.now)
	}
	page.Events = list.Events
	return nil
}
