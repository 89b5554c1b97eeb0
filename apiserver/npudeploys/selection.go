package npudeploys

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/status"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The fields that a fieldSelector may name.
const (
	nameField      = "metadata.name"
	namespaceField = "metadata.namespace"
)

// Selection is which NpuDeploys a list or a watch contains. Its zero value selects all.
type Selection struct {
	Namespace   string          // empty: all
	Labels      labels.Selector // nil: all
	Fields      fields.Selector // nil: all
	Search      string          // part of the name or the model, in upper or lower case
	Accelerator string          // its type; empty: any
	Templates   string          // the digest of the templates in use, or its beginning; empty: any
	States      []status.State  // empty: any
}

// InNamespace returns a field selector. Unlike Selection.Namespace, it does not restrict the namespaces
// in which access is reviewed.
func InNamespace(namespace string) fields.Selector {
	return fields.OneTermEqualSelector(namespaceField, namespace)
}

// selectionParameters describes the parameters that readSelection reads.
func selectionParameters() []openapi.Parameter {
	return []openapi.Parameter{
		{Name: "labelSelector", Doc: "as in kubectl: team=search,stage!=test", AllowEmpty: true},
		{Name: "fieldSelector", Doc: nameField + "=NAME or " + namespaceField + "=NAMESPACE", AllowEmpty: true},
		{Name: "search", Doc: "part of the name or the model, in upper or lower case", AllowEmpty: true},
		{Name: "state", Doc: "one or more of " + stateNames() + ", separated by commas", AllowEmpty: true},
		{Name: "accelerator", Doc: "type of the accelerator", AllowEmpty: true},
		{Name: "templates", Doc: "digest of the templates that it was rendered with, or the beginning of the digest", AllowEmpty: true},
	}
}

func stateNames() string {
	names := make([]string, len(status.States()))
	for i, state := range status.States() {
		names[i] = string(state)
	}
	return strings.Join(names, ", ")
}

// readSelection reads the namespace of the path and the query.
func readSelection(r *http.Request) (Selection, error) {
	query := r.URL.Query()
	s := Selection{
		Namespace: mux.Vars(r)["namespace"], Search: query.Get("search"),
		Accelerator: query.Get("accelerator"), Templates: query.Get("templates"),
	}
	var err error
	if s.Labels, err = labels.Parse(query.Get("labelSelector")); err != nil {
		return Selection{}, problem.New(http.StatusBadRequest, "labelSelector: "+rest.FirstLine(err.Error()))
	}
	if s.Fields, err = fields.ParseSelector(query.Get("fieldSelector")); err != nil {
		return Selection{}, problem.New(http.StatusBadRequest, "fieldSelector: "+rest.FirstLine(err.Error()))
	}
	for _, requirement := range s.Fields.Requirements() {
		if requirement.Field != nameField && requirement.Field != namespaceField {
			return Selection{}, problem.New(http.StatusBadRequest, "fieldSelector: unknown field "+rest.Truncate(requirement.Field))
		}
	}
	if text := query.Get("state"); text != "" {
		for name := range strings.SplitSeq(text, ",") {
			s.States = append(s.States, status.State(name))
		}
	}
	for _, state := range s.States {
		if !slices.Contains(status.States(), state) {
			return Selection{}, problem.New(http.StatusBadRequest, "state must be one or more of "+stateNames())
		}
	}
	return s, nil
}

func (s Selection) matches(deploy *live.Deploy) bool {
	return s.MatchesState(deploy) && s.MatchesButState(deploy)
}

// MatchesState reports whether the NpuDeploy has one of the selected states.
func (s Selection) MatchesState(deploy *live.Deploy) bool {
	return len(s.States) == 0 || slices.Contains(s.States, deploy.State)
}

// MatchesButState reports whether the NpuDeploy is selected, apart from its state.
func (s Selection) MatchesButState(deploy *live.Deploy) bool {
	return s.matchesMetadata(deploy) && s.matchesContent(deploy)
}

func (s Selection) matchesMetadata(deploy *live.Deploy) bool {
	return (s.Namespace == "" || s.Namespace == deploy.Namespace) &&
		(s.Labels == nil || s.Labels.Matches(labels.Set(deploy.Labels))) &&
		(s.Fields == nil || s.Fields.Empty() || s.Fields.Matches(fields.Set{nameField: deploy.Name, namespaceField: deploy.Namespace}))
}

func (s Selection) matchesContent(deploy *live.Deploy) bool {
	return (s.Search == "" || containsFold(deploy.Name, s.Search) || containsFold(deploy.Spec.Model, s.Search)) &&
		(s.Accelerator == "" || s.Accelerator == AcceleratorOf(deploy.NpuDeploy)) &&
		strings.HasPrefix(deploy.Status.Templates, s.Templates)
}

func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// AcceleratorOf returns the type of the accelerator in use, or else that of the spec.
func AcceleratorOf(deploy *v1.NpuDeploy) string {
	switch {
	case deploy.Status.Accelerator != nil:
		return deploy.Status.Accelerator.Type
	case deploy.Spec.Accelerator != nil:
		return deploy.Spec.Accelerator.Type
	}
	return ""
}

// isUnrestricted reports whether the selection contains all NpuDeploys of its namespace.
func (s Selection) isUnrestricted() bool {
	return (s.Labels == nil || s.Labels.Empty()) && (s.Fields == nil || s.Fields.Empty()) &&
		s.Search == "" && s.Accelerator == "" && s.Templates == "" && len(s.States) == 0
}

// of returns the deploys of a snapshot that match.
func (s Selection) of(state live.Snapshot) []*live.Deploy {
	deploys := state.ListAfter(s.Namespace, live.Key{})
	if s.isUnrestricted() {
		return deploys
	}
	var selected []*live.Deploy
	for _, deploy := range deploys {
		if s.matches(deploy) {
			selected = append(selected, deploy)
		}
	}
	return selected
}
