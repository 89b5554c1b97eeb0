package render

import (
	"fmt"

	"cuelang.org/go/cue/build"
	"k8s.io/apimachinery/pkg/util/json"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

const fieldCatalogue = "catalogue"

// Catalogue is what a form has to know of a set of templates: schemas/catalogue, as it
// stands there.
type Catalogue struct {
	Accelerators    []Accelerator `json:"accelerators" doc:"by name"`
	Presets         []Preset      `json:"presets" doc:"what policy offers to start from"`
	EndpointKinds   []string      `json:"endpointKinds" doc:"for spec.endpoint.kind"`
	ModelCacheKinds []string      `json:"modelCacheKinds" doc:"for spec.modelCache.kind"`
	Allowed         Allowed       `json:"allowed" doc:"what policy allows: in the namespace that was asked for, or where there are no exceptions"`
	Defaults        Defaults      `json:"defaults" doc:"what is used where a spec says nothing"`

	exceptions map[string]Allowed // by project; a list that is nil is no exception
}

// In is the catalogue for a namespace: with its project's exceptions.
func (c *Catalogue) In(namespace string) *Catalogue {
	own, there := c.exceptions[namespace], *c
	for _, list := range []struct{ all, own *[]string }{
		{&there.Allowed.HostPaths, &own.HostPaths},
		{&there.Allowed.Registries, &own.Registries},
		{&there.Allowed.PriorityClasses, &own.PriorityClasses},
		{&there.Allowed.ServiceAccounts, &own.ServiceAccounts},
	} {
		if *list.own != nil {
			*list.all = *list.own
		}
	}
	return &there
}

// Accelerator is a type of device.
type Accelerator struct {
	Name           string   `json:"name" doc:"for spec.accelerator.type"`
	Vendor         string   `json:"vendor" doc:"who makes it"`
	Product        string   `json:"product" doc:"what they call it"`
	Resource       string   `json:"resource" doc:"the extended resource that pods ask for"`
	Aliases        []string `json:"aliases" doc:"other resources for the same devices"`
	MemoryGiB      int64    `json:"memoryGiB" doc:"of one device"`
	DevicesPerNode int64    `json:"devicesPerNode" doc:"the most that a replica can have"`
	Counts         []int64  `json:"counts" doc:"for spec.accelerator.count: the devices that one copy of a model is split over; with data parallelism, multiples too"`
	Lacks          []string `json:"lacks" doc:"capabilities of the server that it does not have on this device: data parallelism, pipeline parallelism, Ray"`
	Image          string   `json:"image" doc:"the server's, unless a spec has its own; empty: a spec has to"`
}

// Preset is a spec to start from.
type Preset struct {
	Name        string         `json:"name" doc:"also the NpuDeploy's, unless its user chooses another"`
	Title       string         `json:"title" doc:"for people"`
	Description string         `json:"description" doc:"for people"`
	Spec        map[string]any `json:"spec" doc:"of an NpuDeploy"`
}

// Allowed is what policy allows.
type Allowed struct {
	HostPaths       []string `json:"hostPaths" doc:"directories of nodes below which a spec may mount; none: nowhere"`
	Registries      []string `json:"registries" doc:"prefixes of images; none: any image"`
	PriorityClasses []string `json:"priorityClasses" doc:"none: any"`
	ServiceAccounts []string `json:"serviceAccounts" doc:"that pods may run as beside their own; none: no other"`
}

// Defaults are what policy says where a spec says nothing.
type Defaults struct {
	Port              int64             `json:"port" doc:"where the server answers HTTP"`
	PriorityClassName string            `json:"priorityClassName" doc:"empty: none"`
	Requests          DefaultRequests   `json:"requests" doc:"what a server asks of a node"`
	ModelCache        DefaultModelCache `json:"modelCache" doc:"where models are kept"`
	Endpoint          DefaultEndpoint   `json:"endpoint" doc:"how an endpoint is routed, if a spec has one"`
}

// DefaultRequests are what a server asks of a node beside devices.
type DefaultRequests struct {
	CPU       PerDevice `json:"cpu" doc:"cores"`
	MemoryGiB PerDevice `json:"memoryGiB" doc:"memory"`
}

// PerDevice grows with the devices of a replica.
type PerDevice struct {
	Base      int64 `json:"base" doc:"of any server"`
	PerDevice int64 `json:"perDevice" doc:"and of each device"`
}

// DefaultModelCache is where models are kept.
type DefaultModelCache struct {
	Kind      string `json:"kind" doc:"of volume"`
	HostPath  string `json:"hostPath" doc:"where the kind is HostPath"`
	ClaimName string `json:"claimName" doc:"where it is PersistentVolumeClaim"`
	MountPath string `json:"mountPath" doc:"in the container"`
}

// DefaultEndpoint is how an endpoint is routed.
type DefaultEndpoint struct {
	Kind     string            `json:"kind" doc:"of route"`
	Scheme   string            `json:"scheme" doc:"http or https"`
	Domain   string            `json:"domain" doc:"of hosts that nobody chose: NAME.NAMESPACE.DOMAIN"`
	Gateways map[string]string `json:"gateways" doc:"by kind of route"`
}

// readCatalogue evaluates and decodes the catalogue. It is done once for each set.
func (t *Templates) readCatalogue(instance *build.Instance) error {
	if instance.Err != nil {
		return broken("loading the templates", instance.Err)
	}
	value := t.context.BuildInstance(instance)
	if err := validate(value, fieldCatalogue); err != nil {
		return broken("compiling the catalogue", err)
	}
	var read struct {
		Catalogue

		Exceptions map[string]Allowed `json:"exceptions"`
	}
	if err := decode(value, fieldCatalogue, &read); err != nil {
		return fmt.Errorf("compiling the catalogue: %w", err)
	}
	t.Catalogue = &read.Catalogue
	t.Catalogue.exceptions = read.Exceptions
	return nil
}

// RenderPreset renders the NpuDeploy that a user has who changes nothing about a preset.
func (t *Templates) RenderPreset(preset Preset) (*Result, error) {
	document, err := json.Marshal(map[string]any{
		"apiVersion": v1.GroupVersion().String(), "kind": v1.Kind,
		"metadata": map[string]any{"name": preset.Name}, "spec": preset.Spec,
	})
	if err != nil {
		return nil, fmt.Errorf("writing the preset: %w", err)
	}
	return t.RenderYAML(preset.Name, document, ProjectSettings{})
}
