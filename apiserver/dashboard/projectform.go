package dashboard

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// quotaPrefix begins the names of the inputs for the devices of one type.
const quotaPrefix = "quota."

// projectField is an input of the form of a project.
type projectField struct {
	Name    string // also the key of its label in words, unless it has a label
	Label   string
	Path    string // of the field in an error
	IsLines bool   // one value in each line
	Value   string
	Current string // what another user has written meanwhile
	Changed bool   // Current differs from the value that was submitted
	Errors  []string
}

// projectFields returns the form with the values of a project. A new project has a name, too.
func projectFields(project *v1.Project, catalogue *render.Catalogue) []projectField {
	var fields []projectField
	if project.Name == "" {
		fields = append(fields, projectField{Name: "name", Path: "metadata.name"})
	}
	spec := project.Spec
	hosts := make([]string, len(spec.HostSuffixes))
	for i, host := range spec.HostSuffixes {
		hosts[i] = string(host)
	}
	fields = append(fields,
		projectField{Name: "displayName", Path: "spec.displayName", Value: spec.DisplayName},
		projectField{Name: "description", Path: "spec.description", Value: spec.Description},
		projectField{Name: "priorityClass", Path: "spec.defaultPriorityClass", Value: spec.DefaultPriorityClass},
	)
	quota := v1.Quota{}
	if spec.Quota != nil {
		quota = *spec.Quota
	}
	counts := map[string]string{}
	var types []string
	for i := range catalogue.Accelerators {
		if catalogue.Accelerators[i].VariantOf == "" {
			types = append(types, catalogue.Accelerators[i].Name)
		}
	}
	for _, bound := range quota.Accelerators {
		counts[bound.Type] = strconv.Itoa(int(bound.Count))
		if !slices.Contains(types, bound.Type) {
			types = append(types, bound.Type)
		}
	}
	slices.Sort(types)
	for _, kind := range types {
		fields = append(fields, projectField{Name: quotaPrefix + kind, Label: kind, Value: counts[kind]})
	}
	for _, limit := range []struct {
		name  string
		value *resource.Quantity
	}{{"cpu", quota.CPU}, {"memory", quota.Memory}, {"storage", quota.Storage}} {
		field := projectField{Name: limit.name, Path: "spec.quota." + limit.name}
		if limit.value != nil {
			field.Value = limit.value.String()
		}
		fields = append(fields, field)
	}
	return append(fields, projectField{Name: "hosts", Path: "spec.hostSuffixes", IsLines: true, Value: strings.Join(hosts, "\n")})
}

// setSubmitted replaces the values by those of a form, and adds the errors to their fields. A value that
// differs stays beside it.
func setSubmitted(fields []projectField, form url.Values, errs []problem.FieldError) {
	count := 0
	for i := range fields {
		field := &fields[i]
		value := strings.TrimSpace(strings.ReplaceAll(form.Get(field.Name), "\r\n", "\n"))
		if strings.HasPrefix(field.Name, quotaPrefix) && value != "" {
			field.Path = acceleratorPath(count)
			count++
		}
		field.Current, field.Changed, field.Value = field.Value, field.Value != value, value
		for _, e := range errs {
			if rest, ok := strings.CutPrefix(e.Field, field.Path); field.Path != "" && ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
				field.Errors = append(field.Errors, e.Message)
			}
		}
	}
}

// acceleratorPath returns the path of a limit of devices.
func acceleratorPath(i int) string { return "spec.quota.accelerators[" + strconv.Itoa(i) + "]" }

// specOf returns the spec of a form without members, as a merge patch: an empty input is null.
func specOf(r *http.Request) (map[string]any, error) {
	if err := r.ParseForm(); err != nil {
		return nil, problem.New(http.StatusBadRequest, "the form cannot be read")
	}
	text := func(name string) any {
		if value := strings.TrimSpace(r.PostForm.Get(name)); value != "" {
			return value
		}
		return nil
	}
	quota := map[string]any{"cpu": text("cpu"), "memory": text("memory"), "storage": text("storage"), "accelerators": nil}
	var accelerators []any
	for _, name := range slices.Sorted(maps.Keys(r.PostForm)) { // the order of the page
		value, _ := text(name).(string)
		kind, isQuota := strings.CutPrefix(name, quotaPrefix)
		if !isQuota || value == "" {
			continue
		}
		count, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return nil, problem.Invalid(acceleratorPath(len(accelerators))+".count", "must be a number of devices")
		}
		accelerators = append(accelerators, map[string]any{"type": kind, "count": count})
	}
	if accelerators != nil {
		quota["accelerators"] = accelerators
	}
	spec := map[string]any{
		"displayName": text("displayName"), "description": text("description"), "defaultPriorityClass": text("priorityClass"), "quota": nil, "hostSuffixes": nil,
	}
	if len(withoutNulls(quota)) > 0 {
		spec["quota"] = quota
	}
	if hosts := strings.Fields(r.PostForm.Get("hosts")); len(hosts) > 0 {
		spec["hostSuffixes"] = hosts
	}
	return spec, nil
}

// withoutNulls returns the content without its nulls.
func withoutNulls(content map[string]any) map[string]any {
	result := map[string]any{}
	for key, value := range content {
		if nested, ok := value.(map[string]any); ok {
			value = withoutNulls(nested)
		}
		if value != nil {
			result[key] = value
		}
	}
	return result
}
