package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/gorilla/mux"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func projects() kind {
	return kind{
		name: v1.KindProject, aName: "a Project", resource: live.Projects, schema: refProject,
		many: prefix + "/projects", one: prefix + "/projects/{name}",
	}
}

func (a *API) projectRoutes() []route {
	k := projects()
	return []route{
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: k.many, Summary: "List the Projects that I see, by name",
				Query:   append(pageParameters(), openapi.Parameter{Name: "labelSelector", Doc: "as kubectl takes it: team=search,stage!=test"}),
				Answers: jsonOf(refProjectList), Status: http.StatusOK,
			},
			serve: a.listProjects,
		},
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: k.one, Summary: "Read a Project; its ETag is for If-Match",
				Answers: jsonOf(k.schema), Status: http.StatusOK,
			},
			needs: needs(k.resource, "get"), serve: a.getProject,
		},
		k.createRoute(), k.putRoute(), k.patchRoute(), a.deleteProjectRoute(),
	}
}

func (a *API) getProject(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	project, err := a.project(w, r, user)
	if err != nil {
		return err
	}
	return writeIfChanged(w, r, project)
}

func (a *API) listProjects(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		return problem.New(http.StatusBadRequest, "labelSelector: "+firstLine(err.Error()))
	}
	cut, err := cutOf(r)
	if err != nil {
		return err
	}
	list := &v1.ProjectList{}
	list.SetGroupVersionKind(v1.GroupVersion().WithKind(v1.KindProject + "List"))
	seen, leftOut, err := a.seenProjects(r.Context(), user, cut.after.Name, client.MatchingLabelsSelector{Selector: selector})
	if err != nil {
		return err
	}
	if list.Items = seen; len(seen) > cut.limit {
		list.Items = seen[:cut.limit]
		list.Continue = tokenOf(live.Key{Name: seen[cut.limit-1].Name})
	}
	a.stale(w, a.options.Live.UnreachableSince(live.Projects))
	incomplete(w, leftOut != nil)
	return writeJSON(w, http.StatusOK, list)
}

// project is the Project of the path, if the person sees it. Who may read it in the whole
// cluster reads it there: one that they have just made may be in no cache yet.
func (a *API) project(w http.ResponseWriter, r *http.Request, user *kube.UserClient) (*v1.Project, error) {
	ctx, key := r.Context(), client.ObjectKey{Name: mux.Vars(r)["name"]}
	seen, err := sees(ctx, user, key.Name)
	if err != nil {
		return nil, err
	}
	if !seen {
		return nil, lacking(problem.Missing{Verb: "get", Group: v1.Group, Resource: live.Projects, Namespace: key.Name})
	}
	project := &v1.Project{}
	if everywhere, err := user.Can(ctx, "get", v1.Group, live.Projects, "", key.Name); err == nil && everywhere {
		if err := user.Get(ctx, key, project); !kube.Unreachable(err) {
			return whole(project), err
		}
	}
	a.stale(w, a.options.Live.UnreachableSince(live.Projects))
	err = a.options.Live.Reader().Get(ctx, key, project)
	return whole(project), err
}

// seenProjects are the Projects after a name that the person sees, in order, and why some
// are left out, of which that cannot be known while Kubernetes is away.
func (a *API) seenProjects(ctx context.Context, user *kube.UserClient, after string, options ...client.ListOption) (kept []v1.Project, leftOut, err error) {
	list := &v1.ProjectList{}
	if err := a.options.Live.Reader().List(ctx, list, options...); err != nil {
		return nil, nil, err
	}
	all := slices.DeleteFunc(list.Items, func(p v1.Project) bool { return p.Name <= after })
	seen := make([]bool, len(all))
	leftOut, err = eachKnown(ctx, len(all), func(ctx context.Context, i int) (err error) {
		seen[i], err = sees(ctx, user, all[i].Name)
		return err
	})
	kept = []v1.Project{}
	for i := range all {
		if seen[i] {
			kept = append(kept, *whole(&all[i]))
		}
	}
	slices.SortFunc(kept, func(a, b v1.Project) int { return cmp.Compare(a.Name, b.Name) })
	return kept, leftOut, err
}

// sees says whether the person sees a Project: may get Projects in its namespace, where
// its members have their roles, or everywhere. Kubernetes' own reads ask for the latter,
// since a Project is in no namespace.
func sees(ctx context.Context, user *kube.UserClient, name string) (bool, error) {
	return canIn(ctx, user, "get", v1.Group, live.Projects, name, name)
}

// must is an error unless the person may do verb with a Project, which takes a right in
// the whole cluster.
func must(ctx context.Context, user *kube.UserClient, verb, name string) error {
	may, err := user.Can(ctx, verb, v1.Group, live.Projects, "", name)
	if err != nil || may {
		return err
	}
	return lacking(problem.Missing{Verb: verb, Group: v1.Group, Resource: live.Projects})
}

// whole is a Project with what Go's clients leave out of it. Not what it points to, but
// the Project itself is the caller's own, even if it came from the cache.
func whole(project *v1.Project) *v1.Project {
	project.SetGroupVersionKind(v1.GroupVersion().WithKind(v1.KindProject))
	return project
}
