// Package projects serves Projects, their members and quotas, and the user's own permissions.
//
// A user sees a Project if they may get Projects in its namespace, where its members have
// their roles, or everywhere.
package projects

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/resources"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The schemas of the OpenAPI document.
const (
	Schema      = openapi.Ref("Project")
	InputSchema = openapi.Ref("ProjectInput")
	ListSchema  = openapi.Ref("ProjectList")
)

const (
	collectionPath = rest.Prefix + "/projects"
	objectPath     = collectionPath + "/{name}"
)

func kind() resources.Kind {
	return resources.Kind{
		Name: v1.KindProject, WithArticle: "a Project", Resource: live.Projects, Schema: Schema, InputSchema: InputSchema,
		CollectionPath: collectionPath, ObjectPath: objectPath,
	}
}

// Handlers serve Projects.
type Handlers struct {
	cluster   *live.Cache
	streams   *rest.Streams
	templates func() *render.Templates
	clock     func() time.Time
}

// New returns Handlers. templates returns those that serve now.
func New(cluster *live.Cache, streams *rest.Streams, templates func() *render.Templates, clock func() time.Time) *Handlers {
	return &Handlers{cluster: cluster, streams: streams, templates: templates, clock: clock}
}

// Routes returns all routes of this package.
func (h *Handlers) Routes() []rest.Route {
	list := openapi.Operation{
		ID: "listProjects", Method: http.MethodGet, Path: collectionPath, Summary: "List the Projects that the caller may read, by name",
		Query: append(rest.PageParameters(),
			openapi.Parameter{Name: "labelSelector", Doc: "as in kubectl: team=search,stage!=test", AllowEmpty: true},
			openapi.Parameter{Name: "search", Doc: "part of the name or the display name, in upper or lower case", AllowEmpty: true}),
		Returns: rest.JSON(ListSchema), Status: http.StatusOK,
	}
	get := openapi.Operation{
		ID: "readProject", Method: http.MethodGet, Path: objectPath, Summary: "Read a Project; its ETag is for If-Match",
		Headers: []openapi.Parameter{rest.IfNoneMatchParameter()}, HasETag: true, Returns: rest.JSON(Schema), Status: http.StatusOK,
	}
	write := kind().Routes()
	for i, route := range write {
		if route.Method == http.MethodDelete {
			write[i] = h.confirmDelete(route)
		}
	}
	return slices.Concat(write, h.memberRoutes(), []rest.Route{
		{Operation: list, Handler: h.list},
		{Operation: get, Needs: rest.Needs(live.Projects, "get"), Handler: h.get},
		h.watchRoute(), h.deletionRoute(), h.quotaRoute(), h.meRoute(),
	})
}

func (h *Handlers) get(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	project, err := h.project(w, r, user)
	if err != nil {
		return err
	}
	return rest.WriteIfModified(w, r, project)
}

func (h *Handlers) list(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		return problem.New(http.StatusBadRequest, "labelSelector: "+rest.FirstLine(err.Error()))
	}
	page, err := rest.PageOf(r)
	if err != nil {
		return err
	}
	visible, skipped, err := h.Visible(r.Context(), user, page.After.Name, client.MatchingLabelsSelector{Selector: selector})
	if err != nil {
		return err
	}
	visible = slices.DeleteFunc(visible, func(p v1.Project) bool { return !matches(&p, r.URL.Query().Get("search")) })
	list := &v1.ProjectList{Items: visible}
	list.SetGroupVersionKind(v1.GroupVersion().WithKind(v1.KindProject + "List"))
	if len(visible) > page.Limit {
		list.Items = visible[:page.Limit]
		list.Continue = rest.Continue(rest.Position{Name: visible[page.Limit-1].Name})
	}
	rest.SetStale(w, h.cluster.UnreachableSince(live.Projects), h.clock())
	rest.SetIncomplete(w, skipped != nil)
	return rest.WriteJSON(w, http.StatusOK, list)
}

func matches(project *v1.Project, search string) bool {
	search = strings.ToLower(search)
	return strings.Contains(strings.ToLower(project.Name), search) || strings.Contains(strings.ToLower(project.Spec.DisplayName), search)
}

// project returns the Project that the path names, if the user sees it. For users who may
// read it in the whole cluster it comes from Kubernetes: the cache may not have a Project
// that they have just created.
func (h *Handlers) project(w http.ResponseWriter, r *http.Request, user *kube.UserClient) (*v1.Project, error) {
	ctx, key := r.Context(), client.ObjectKey{Name: mux.Vars(r)["name"]}
	visible, err := sees(ctx, user, key.Name)
	if err != nil {
		return nil, err
	}
	if !visible {
		return nil, rest.Forbidden(problem.Missing{Verb: "get", Group: v1.Group, Resource: live.Projects, Namespace: key.Name})
	}
	project := &v1.Project{}
	if everywhere, err := user.Can(ctx, "get", v1.Group, live.Projects, "", key.Name); err == nil && everywhere {
		if err := user.Get(ctx, key, project); !kube.Unreachable(err) {
			return withType(project), err
		}
	}
	rest.SetStale(w, h.cluster.UnreachableSince(live.Projects), h.clock())
	err = h.cluster.Reader().Get(ctx, key, project)
	return withType(project), err
}

// Visible returns the Projects after a name that the user sees, by name. skipped is set if
// some are left out because access could not be reviewed while Kubernetes was unreachable.
func (h *Handlers) Visible(ctx context.Context, user *kube.UserClient, after string, options ...client.ListOption) (visible []v1.Project, skipped, err error) {
	list := &v1.ProjectList{}
	if err := h.cluster.Reader().List(ctx, list, options...); err != nil {
		return nil, nil, err
	}
	projects := slices.DeleteFunc(list.Items, func(p v1.Project) bool { return p.Name <= after })
	seen := make([]bool, len(projects))
	skipped, err = rest.ForEachReachable(ctx, len(projects), func(ctx context.Context, i int) (err error) {
		seen[i], err = sees(ctx, user, projects[i].Name)
		return err
	})
	visible = []v1.Project{}
	for i := range projects {
		if seen[i] {
			visible = append(visible, *withType(&projects[i]))
		}
	}
	slices.SortFunc(visible, func(a, b v1.Project) int { return cmp.Compare(a.Name, b.Name) })
	return visible, skipped, err
}

// sees reports whether the user sees a Project.
func sees(ctx context.Context, user *kube.UserClient, name string) (bool, error) {
	return rest.CanIn(ctx, user, rest.Need{Verb: "get", Group: v1.Group, Resource: live.Projects}, name, name)
}

// requireVerb returns a 403 unless the user may do verb with a Project, which is a permission
// in the whole cluster.
func requireVerb(ctx context.Context, user *kube.UserClient, verb, name string) error {
	allowed, err := user.Can(ctx, verb, v1.Group, live.Projects, "", name)
	if err != nil || allowed {
		return err
	}
	return rest.Forbidden(problem.Missing{Verb: verb, Group: v1.Group, Resource: live.Projects})
}

// withType sets apiVersion and kind, which Go's clients leave out. A Project from the cache
// is a shallow copy, so this does not change the cache.
func withType(project *v1.Project) *v1.Project {
	project.SetGroupVersionKind(v1.GroupVersion().WithKind(v1.KindProject))
	return project
}

// confirmDelete makes the route require a confirmation before NpuDeploys are deleted with
// their Project.
func (h *Handlers) confirmDelete(route rest.Route) rest.Route {
	route.Query = append(route.Query, openapi.Parameter{Name: "confirm", Doc: "the project's name: delete its NpuDeploys, too"})
	remove := route.Handler
	route.Handler = func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
		if err := h.checkConfirmed(r, user); err != nil {
			return err
		}
		return remove(w, r, user)
	}
	return route
}

// checkConfirmed returns an error if the project has NpuDeploys and the user has not
// confirmed their deletion. It is not a lock: NpuDeploys can be created before the deletion
// completes.
func (h *Handlers) checkConfirmed(r *http.Request, user *kube.UserClient) error {
	name, confirm := mux.Vars(r)["name"], r.URL.Query().Get("confirm")
	switch confirm {
	case name:
		return nil
	case "":
	default:
		return problem.New(http.StatusBadRequest, "confirm must be the project's name, or absent")
	}
	// Only users who may delete the project may read the number of its NpuDeploys here.
	if err := requireVerb(r.Context(), user, "delete", name); err != nil {
		return err
	}
	count, err := h.countDeploys(r.Context(), user, name)
	if err != nil || count == 0 {
		return err
	}
	return problem.New(http.StatusConflict, fmt.Sprintf("the project has %d NpuDeploys: send ?confirm=%s to delete them, too", count, name))
}

// countDeploys counts the NpuDeploys of a namespace. Where the user may not list them, it
// counts those that the server observed last.
func (h *Handlers) countDeploys(ctx context.Context, user *kube.UserClient, namespace string) (int, error) {
	list := &v1.NpuDeployList{}
	err := user.List(ctx, list, client.InNamespace(namespace))
	if !apierrors.IsForbidden(err) {
		return len(list.Items), err
	}
	if !h.cluster.UnreachableSince(live.NpuDeploys).IsZero() {
		return 0, problem.Unavailable("the project's NpuDeploys cannot be counted now: send ?confirm=" + namespace + " to delete them, too")
	}
	state, err := npudeploys.State(ctx, h.cluster, "")
	return len(state.ListAfter(namespace, live.Key{})), err
}
