package api

import (
	"net/http"
	"strconv"

	"github.com/gorilla/mux"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxPage is how many objects a page has at most, and without a limit.
const maxPage = 500

func readRoutes() []route {
	paging := []openapi.Parameter{
		{Name: "labelSelector", Doc: "as kubectl takes it: team=search,stage!=test"},
		{Name: "fieldSelector", Doc: "metadata.name=NAME or metadata.namespace=NAMESPACE"},
		{Name: "limit", Doc: "size of a page, 1 to " + strconv.Itoa(maxPage)},
		{Name: "continue", Doc: "metadata.continue of the page before"},
	}
	return []route{
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: pathAll, Summary: "List the NpuDeploys of all namespaces",
				Query: paging, Answers: jsonOf(refList), Status: http.StatusOK,
			},
			needs: needs(resource, "list"), serve: list,
		},
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: pathMany, Summary: "List the NpuDeploys of a namespace",
				Query: paging, Answers: jsonOf(refList), Status: http.StatusOK,
			},
			needs: needs(resource, "list"), serve: list,
		},
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: pathOne, Summary: "Read an NpuDeploy; its ETag is for If-Match",
				Answers: jsonOf(refNpuDeploy), Status: http.StatusOK,
			},
			needs: needs(resource, "get"), serve: get,
		},
	}
}

func list(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	options, err := listOptions(r)
	if err != nil {
		return err
	}
	page := &unstructured.UnstructuredList{}
	page.SetGroupVersionKind(v1.GroupVersion().WithKind(v1.Kind + "List"))
	if err := user.List(r.Context(), page, options); err != nil {
		return err
	}
	for i := range page.Items {
		page.Items[i].SetManagedFields(nil)
	}
	return writeJSON(w, http.StatusOK, page)
}

// listOptions reads the selectors here, so that a fault in one is told by its name.
func listOptions(r *http.Request) (*client.ListOptions, error) {
	query := r.URL.Query()
	options := &client.ListOptions{Namespace: mux.Vars(r)["namespace"], Continue: query.Get("continue"), Limit: maxPage}
	var err error
	if options.LabelSelector, err = labels.Parse(query.Get("labelSelector")); err != nil {
		return nil, problem.New(http.StatusBadRequest, "labelSelector: "+firstLine(err.Error()))
	}
	if options.FieldSelector, err = fields.ParseSelector(query.Get("fieldSelector")); err != nil {
		return nil, problem.New(http.StatusBadRequest, "fieldSelector: "+firstLine(err.Error()))
	}
	if text := query.Get("limit"); text != "" {
		options.Limit, err = strconv.ParseInt(text, 10, 64)
		if err != nil || options.Limit < 1 || options.Limit > maxPage {
			return nil, problem.New(http.StatusBadRequest, "limit has to be a number from 1 to "+strconv.Itoa(maxPage))
		}
	}
	return options, nil
}

func get(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	deploy := named(r)
	if err := user.Get(r.Context(), client.ObjectKeyFromObject(deploy), deploy); err != nil {
		return err
	}
	return writeIfChanged(w, r, deploy)
}
