package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// coreTypes returns the fields whose types are Kubernetes' own, which its documentation describes.
func coreTypes() map[string]string {
	return map[string]string{ //nolint:gosec // Names of fields, no credentials.
		"env": "[]EnvVar", "resources": "ResourceRequirements", "volumes": "[]Volume", "volumeMounts": "[]VolumeMount",
		"tolerations": "[]Toleration", "envFrom": "[]EnvFromSource",
		"topologySpreadConstraints": "[]TopologySpreadConstraint", "affinity": "Affinity", "imagePullSecrets": "[]LocalObjectReference",
		"startup": "Probe", "readiness": "Probe", "liveness": "Probe", "conditions": "[]Condition", "securityContext": "SecurityContext", "resourceClaims": "[]PodResourceClaim",
		"podSecurityContext": "PodSecurityContext",
	}
}

const apiIntroduction = `# The API: dudaji.com/v1

Generated from the CRDs by ` + "`just gen`" + `; ` + "`kubectl explain npudeploy.spec`" + ` prints the same. The API has no
defaults: the accelerator's facts (schemas/accelerators) and the platform's policy (schemas/policy) supply what is absent,
and status shows the resolved values. Types in CamelCase are those of Kubernetes' core/v1 and meta/v1.
[Labels and annotations](#labels-and-annotations) are at the end.
`

// apiMetadata lists labels and annotations, which no CRD describes.
const apiMetadata = `
## Labels and annotations

| Name | On | Set by | Meaning |
|---|---|---|---|
| label ` + "`" + v1.LabelDeploy + "`" + ` | objects and pods of an NpuDeploy | NuFi | the name of the NpuDeploy, for selectors |
| label ` + "`" + v1.LabelProject + "`" + ` | the namespace and the objects of a Project | NuFi | the name of the Project |
| label ` + "`dudaji.com/accelerator`" + ` | pods | NuFi | the type of their devices |
| label ` + "`dudaji.com/role`" + ` | pods of replicas on several nodes, and with ` + "`prefill`" + ` | NuFi | the role of the pod |
| label ` + "`dudaji.com/canary: \"true\"`" + ` | an NpuDeploy | the user | new templates reach it first, with the default policy |
| annotation ` + "`" + v1.AnnotationAdopt + "`" + ` | an existing object | the user | the name of the NpuDeploy or Project that may take it over |
| annotation ` + "`" + v1.AnnotationUpdateTo + "`" + ` | an NpuDeploy with manual updates | the user | the digest of the templates to use |
| annotation ` + "`dudaji.com/restarted-at`" + ` | ` + "`spec.podMetadata`" + ` | the user | another value replaces the pods |
| annotation ` + "`" + v1.AnnotationManifest + "`" + ` | objects of an NpuDeploy or Project | NuFi | the digest of the applied manifest |
`

// apiReference returns the section of docs/api.md for a kind: tables of spec and status.
func apiReference(k kind, crd []byte) (string, error) {
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(crd, &definition); err != nil {
		return "", err
	}
	schema := definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	var out strings.Builder
	for _, part := range []string{"spec", "status"} {
		fmt.Fprintf(&out, "\n## %s: %s\n\n", k.name, part)
		out.WriteString("| Field | Type | Description |\n|---|---|---|\n")
		writeFields(&out, part, schema.Properties[part])
	}
	return out.String(), nil
}

func writeFields(out *strings.Builder, path string, parent apiextensionsv1.JSONSchemaProps) {
	for _, name := range slices.Sorted(maps.Keys(parent.Properties)) {
		field, at := parent.Properties[name], path+"."+name
		description := strings.Join(strings.Fields(field.Description), " ")
		if slices.Contains(parent.Required, name) {
			description = "**Required.** " + description
		}
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", at, typeOf(name, field), strings.ReplaceAll(description+bounds(field), "|", `\|`))
		if _, core := coreTypes()[name]; core {
			continue
		}
		writeFields(out, at, field)
		if field.Items != nil && field.Items.Schema != nil {
			writeFields(out, at+"[]", *field.Items.Schema)
		}
	}
}

func typeOf(name string, field apiextensionsv1.JSONSchemaProps) string {
	if core, ok := coreTypes()[name]; ok {
		return core
	}
	switch {
	case field.Items != nil && field.Items.Schema != nil:
		return "[]" + field.Items.Schema.Type
	case field.XIntOrString:
		return "Quantity"
	case field.AdditionalProperties != nil:
		return "map of " + field.AdditionalProperties.Schema.Type
	default:
		return field.Type
	}
}

// bounds describes the values that the API server accepts for a field.
func bounds(field apiextensionsv1.JSONSchemaProps) string {
	var all []string
	if len(field.Enum) > 0 {
		values := make([]string, len(field.Enum))
		for i, value := range field.Enum {
			values[i] = strings.Trim(string(value.Raw), `"`)
		}
		all = append(all, "one of "+strings.Join(values, ", "))
	}
	if field.Minimum != nil {
		all = append(all, fmt.Sprintf("at least %d", int64(*field.Minimum)))
	}
	if field.Maximum != nil {
		all = append(all, fmt.Sprintf("at most %d", int64(*field.Maximum)))
	}
	if most := cmp.Or(field.MaxLength, field.MaxItems, field.MaxProperties); most != nil {
		unit := map[bool]string{true: "characters", false: "elements"}[field.MaxLength != nil]
		all = append(all, fmt.Sprintf("at most %d %s", *most, unit))
	}
	if len(all) == 0 {
		return ""
	}
	return " _(" + strings.Join(all, "; ") + ")_"
}
