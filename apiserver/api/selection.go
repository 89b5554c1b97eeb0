package api

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

// The fields that a fieldSelector may name.
const (
	fieldName      = "metadata.name"
	fieldNamespace = "metadata.namespace"
)

// selection is which NpuDeploys a client asks for.
type selection struct {
	namespace string // empty: all
	labels    labels.Selector
	fields    fields.Selector
}

func selectionParameters() []openapi.Parameter {
	return []openapi.Parameter{
		{Name: "labelSelector", Doc: "as kubectl takes it: team=search,stage!=test"},
		{Name: "fieldSelector", Doc: fieldName + "=NAME or " + fieldNamespace + "=NAMESPACE"},
	}
}

// selectionOf reads the selectors here, so that a fault in one is told by its name.
func selectionOf(r *http.Request) (selection, error) {
	query := r.URL.Query()
	chosen := selection{namespace: mux.Vars(r)["namespace"]}
	var err error
	if chosen.labels, err = labels.Parse(query.Get("labelSelector")); err != nil {
		return selection{}, problem.New(http.StatusBadRequest, "labelSelector: "+firstLine(err.Error()))
	}
	if chosen.fields, err = fields.ParseSelector(query.Get("fieldSelector")); err != nil {
		return selection{}, problem.New(http.StatusBadRequest, "fieldSelector: "+firstLine(err.Error()))
	}
	for _, requirement := range chosen.fields.Requirements() {
		if requirement.Field != fieldName && requirement.Field != fieldNamespace {
			return selection{}, problem.New(http.StatusBadRequest, "fieldSelector: "+clip(requirement.Field)+" is not known here")
		}
	}
	return chosen, nil
}

func (s selection) matches(deploy *live.Deploy) bool {
	return (s.namespace == "" || s.namespace == deploy.Namespace) &&
		s.labels.Matches(labels.Set(deploy.Labels)) &&
		(s.fields.Empty() || s.fields.Matches(fields.Set{fieldName: deploy.Name, fieldNamespace: deploy.Namespace}))
}

// versionParameter reads a resourceVersion, which is a number.
func versionParameter(r *http.Request) (string, error) {
	version := r.URL.Query().Get("resourceVersion")
	if strings.Trim(version, "0123456789") != "" {
		return "", problem.New(http.StatusBadRequest, "resourceVersion has to be a list's or an object's")
	}
	return version, nil
}
