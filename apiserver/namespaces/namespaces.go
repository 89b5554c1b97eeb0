// Package namespaces serves what a form needs of namespaces: where the user may write
// NpuDeploys, and the claims and Secrets that these can name. All of it is read and written as
// the user, or shown after an access review.
package namespaces

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Handlers serve namespaces.
type Handlers struct {
	cluster *live.Cache
	clock   func() time.Time
}

// New returns Handlers.
func New(cluster *live.Cache, clock func() time.Time) *Handlers { return &Handlers{cluster, clock} }

// Routes returns all routes of this package.
func (h *Handlers) Routes() []rest.Route {
	return append(secretRoutes(), claimsRoute(), rest.Route{
		Operation: openapi.Operation{
			ID: "listNamespaces", Method: http.MethodGet, Path: rest.Prefix + "/namespaces",
			Summary: "List the namespaces in which the caller may list NpuDeploys, and whether it may create, change and delete them",
			Returns: rest.JSON(List{}), Status: http.StatusOK,
		},
		Handler: h.list,
	})
}

// List is the namespaces that a user sees, by name.
type List struct {
	Namespaces []Namespace `json:"namespaces" doc:"by name"`
}

// Namespace is a namespace, and what the user may do with the NpuDeploys in it.
type Namespace struct {
	Name        string `json:"name" doc:"name of the namespace"`
	Project     bool   `json:"project" doc:"the namespace belongs to the Project of the same name"`
	DisplayName string `json:"displayName" doc:"display name of the Project; the name by default"`
	Create      bool   `json:"create" doc:"the user may create NpuDeploys; false while the namespace is being deleted"`
	Update      bool   `json:"update" doc:"the user may change NpuDeploys"`
	Delete      bool   `json:"delete" doc:"the user may delete NpuDeploys"`
}

// maxReviewAge is how old the access reviews of a list may be. Kubernetes decides when the user
// writes.
const maxReviewAge = 30 * time.Second

func (h *Handlers) list(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	namespaces, incomplete, err := h.Visible(r.Context(), user)
	if err != nil {
		return err
	}
	rest.SetStale(w, h.cluster.UnreachableSince(live.Namespaces, live.Projects), h.clock())
	rest.SetIncomplete(w, incomplete)
	return rest.WriteJSON(w, http.StatusOK, List{namespaces})
}

// Visible returns the namespaces in which the user may list NpuDeploys, by name. It is
// incomplete if some could not be reviewed while Kubernetes was unreachable.
func (h *Handlers) Visible(ctx context.Context, user *kube.UserClient) (visible []Namespace, incomplete bool, err error) {
	if !h.cluster.Ready() {
		return nil, false, rest.NotSynced()
	}
	all, err := h.read(ctx)
	if err != nil {
		return nil, false, err
	}
	isVisible := make([]bool, len(all))
	skipped, err := rest.ForEachReachable(ctx, len(all), func(ctx context.Context, i int) (err error) {
		if isVisible[i], err = may(ctx, user, "list", all[i].Name); err != nil || !isVisible[i] {
			return err
		}
		return all[i].review(ctx, user)
	})
	visible = []Namespace{}
	for i := range all {
		if isVisible[i] {
			visible = append(visible, all[i])
		}
	}
	return visible, skipped != nil, err
}

// read returns all namespaces, by name. Create is false for those that are being deleted, and true
// for the others.
func (h *Handlers) read(ctx context.Context) ([]Namespace, error) {
	namespaces, projects := &corev1.NamespaceList{}, &v1.ProjectList{}
	if err := h.cluster.Reader().List(ctx, namespaces); err != nil {
		return nil, err
	}
	if err := h.cluster.Reader().List(ctx, projects); err != nil {
		return nil, err
	}
	displayNames := map[string]string{}
	for i := range projects.Items {
		displayNames[projects.Items[i].Name] = cmp.Or(projects.Items[i].Spec.DisplayName, projects.Items[i].Name)
	}
	all := make([]Namespace, len(namespaces.Items))
	for i := range namespaces.Items {
		object := &namespaces.Items[i]
		displayName, isProject := displayNames[object.Name]
		all[i] = Namespace{
			Name: object.Name, Project: isProject, DisplayName: cmp.Or(displayName, object.Name), Create: object.DeletionTimestamp == nil,
		}
	}
	slices.SortFunc(all, func(a, b Namespace) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// review sets what the user may do. This API changes NpuDeploys by patches.
func (n *Namespace) review(ctx context.Context, user *kube.UserClient) (err error) {
	if n.Create {
		if n.Create, err = may(ctx, user, "create", n.Name); err != nil {
			return err
		}
	}
	if n.Update, err = may(ctx, user, "patch", n.Name); err != nil {
		return err
	}
	n.Delete, err = may(ctx, user, "delete", n.Name)
	return err
}

// may reports whether the user may do something with NpuDeploys in a namespace. A user who may
// do it everywhere needs one review for all namespaces.
func may(ctx context.Context, user *kube.UserClient, verb, namespace string) (bool, error) {
	need := npudeploys.Need(verb)
	everywhere, err := user.CanWithin(ctx, maxReviewAge, need.Verb, need.Group, need.Resource, "", "")
	if err != nil || everywhere {
		return everywhere, err
	}
	return user.CanWithin(ctx, maxReviewAge, need.Verb, need.Group, need.Resource, namespace, "")
}
