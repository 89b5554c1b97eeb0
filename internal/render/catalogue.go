package render

import (
	"fmt"
	"slices"

	"cuelang.org/go/cue/build"
	"k8s.io/apimachinery/pkg/util/json"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

const fieldCatalogue = "catalogue"

// Catalogue describes a set of templates to forms. It is the value of schemas/catalogue.
type Catalogue struct {
	Accelerators    []Accelerator `json:"accelerators" doc:"by name"`
	Presets         []Preset      `json:"presets" doc:"specs that policy offers to start from"`
	EndpointKinds   []string      `json:"endpointKinds" doc:"for spec.endpoint.kind"`
	ModelCacheKinds []string      `json:"modelCacheKinds" doc:"for spec.modelCache.kind"`
	Allowed         Allowed       `json:"allowed" doc:"what policy allows in the requested namespace, or where there are no exceptions"`
	Defaults        Defaults      `json:"defaults" doc:"values for fields that a spec leaves out"`
	SpecHistory     int           `json:"specHistory" doc:"how many earlier specs of each NpuDeploy are kept"`

	// Change is policy's for the controller.
	Change ChangePolicy `json:"-"`

	projects map[string]projectPolicy
	metrics  map[string]ServerMetrics
}

// ServerMetrics are the names of metrics about the requests of an inference server, by what they
// measure. An empty name: the server does not measure it.
type ServerMetrics struct {
	Running          string `json:"running"`          // gauge
	Waiting          string `json:"waiting"`          // gauge
	GenerationTokens string `json:"generationTokens"` // counter
	TimeToFirstToken string `json:"timeToFirstToken"` // histogram of seconds, without _bucket
	KVCache          string `json:"kvCache"`          // gauge from 0 to 1
}

// ServerMetrics returns the metrics of servers of a dialect. It is false if they are not known.
func (c *Catalogue) ServerMetrics(dialect string) (ServerMetrics, bool) {
	metrics, ok := c.metrics[dialect]
	return metrics, ok
}

// projectPolicy is what differs by project.
type projectPolicy struct {
	Images     map[string]string `json:"images"` // by accelerator
	ModelCache DefaultModelCache `json:"modelCache"`
	Allowed    Allowed           `json:"allowed"`
}

// In returns the catalogue for a namespace, with the exceptions for its project.
func (c *Catalogue) In(namespace string) *Catalogue {
	own, ok := c.projects[namespace]
	if !ok {
		return c
	}
	result := *c
	result.Allowed, result.Defaults.ModelCache = own.Allowed, own.ModelCache
	result.Accelerators = slices.Clone(c.Accelerators)
	for i := range result.Accelerators {
		result.Accelerators[i].Image = own.Images[result.Accelerators[i].Name]
	}
	return &result
}

// Accelerator is a type of device.
type Accelerator struct {
	Name           string   `json:"name" doc:"for spec.accelerator.type"`
	Vendor         string   `json:"vendor" doc:"the manufacturer"`
	Product        string   `json:"product" doc:"the vendor's name for it"`
	Resource       string   `json:"resource" doc:"the extended resource that pods request"`
	Aliases        []string `json:"aliases" doc:"other resources for the same devices"`
	VariantOf      string   `json:"variantOf" doc:"the accelerator that a limit on the resource alone means, where several share it; empty: this one"`
	MemoryGiB      int64    `json:"memoryGiB" doc:"of one device; 0: not known"`
	DevicesPerNode int64    `json:"devicesPerNode" doc:"the most that a replica can have"`
	Counts         []int64  `json:"counts" doc:"for spec.accelerator.count: the devices that one copy of a model is split over; with data parallelism, multiples too"`
	Lacks          []string `json:"lacks" doc:"capabilities of the server that it does not have on this device: data parallelism, pipeline parallelism, Ray"`
	Image          string   `json:"image" doc:"the server's, unless a spec has its own; empty: a spec must have one"`
}

// Preset is a spec to start from.
type Preset struct {
	Name        string         `json:"name" doc:"also the NpuDeploy's, unless the user chooses another"`
	Title       string         `json:"title" doc:"for display"`
	Description string         `json:"description" doc:"for display"`
	Spec        map[string]any `json:"spec" doc:"of an NpuDeploy"`
}

// Allowed is what policy allows.
type Allowed struct {
	HostPaths        []string `json:"hostPaths" doc:"directories of nodes below which a spec may mount; none: nowhere"`
	Registries       []string `json:"registries" doc:"prefixes of images; none: any image"`
	PriorityClasses  []string `json:"priorityClasses" doc:"none: any"`
	ServiceAccounts  []string `json:"serviceAccounts" doc:"that pods may run as beside their own; none: no other"`
	PodSecurityLevel string   `json:"podSecurityLevel" enum:"privileged,baseline,restricted" doc:"level of the Pod Security Standards that security contexts may not exceed"`
}

// Defaults are policy's values for fields that a spec leaves out.
type Defaults struct {
	Port              int64             `json:"port" doc:"of the server's HTTP endpoint"`
	PriorityClassName string            `json:"priorityClassName" doc:"empty: none"`
	Updates           v1.UpdateMode     `json:"updates" enum:"Automatic,Manual" doc:"when other templates take effect"`
	Requests          DefaultRequests   `json:"requests" doc:"requests of a server"`
	ModelCache        DefaultModelCache `json:"modelCache" doc:"where models are stored"`
	Endpoint          DefaultEndpoint   `json:"endpoint" doc:"how an endpoint is routed, if a spec has one"`
}

// DefaultRequests are the requests of a server, without devices.
type DefaultRequests struct {
	CPU       PerDevice `json:"cpu" doc:"cores"`
	MemoryGiB PerDevice `json:"memoryGiB" doc:"memory"`
}

// PerDevice grows with the devices of a replica.
type PerDevice struct {
	Base      int64 `json:"base" doc:"of any server"`
	PerDevice int64 `json:"perDevice" doc:"and of each device"`
}

// DefaultModelCache is where models are stored.
type DefaultModelCache struct {
	Kind      string `json:"kind" doc:"of volume"`
	HostPath  string `json:"hostPath" doc:"where the kind is HostPath"`
	ClaimName string `json:"claimName" doc:"where it is PersistentVolumeClaim; empty: each deployment has a claim of its own"`
	MountPath string `json:"mountPath" doc:"in the container"`
}

// DefaultEndpoint is how an endpoint is routed.
type DefaultEndpoint struct {
	Kind     string            `json:"kind" doc:"of route"`
	Scheme   string            `json:"scheme" doc:"http or https"`
	Domain   string            `json:"domain" doc:"of default hosts: NAME.NAMESPACE.DOMAIN"`
	Gateways map[string]string `json:"gateways" doc:"by kind of route"`
}

// readCatalogue evaluates and decodes the catalogue.
func (t *Templates) readCatalogue(instance *build.Instance, imports *packages) error {
	scope, err := imports.scope(instance)
	if err != nil {
		return err
	}
	value := imports.build(instance, scope)
	if err := validate(value, fieldCatalogue); err != nil {
		return newTemplateError("compiling the catalogue", err, value, instance)
	}
	var read struct {
		Catalogue

		Change   ChangePolicy             `json:"change"`
		Projects map[string]projectPolicy `json:"projects"`
		Metrics  map[string]ServerMetrics `json:"metrics"`
	}
	if err := decodeField(value, fieldCatalogue, &read); err != nil {
		return fmt.Errorf("compiling the catalogue: %w", err)
	}
	if err := read.Change.checkZones(); err != nil {
		return fmt.Errorf("compiling the catalogue: %w", err)
	}
	t.Catalogue = &read.Catalogue
	t.Catalogue.Change, t.Catalogue.projects, t.Catalogue.metrics = read.Change, read.Projects, read.Metrics
	return nil
}

// RenderPreset renders the NpuDeploy of an unchanged preset.
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
