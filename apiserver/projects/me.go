package projects

import (
	"cmp"
	"context"
	"net/http"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// me is the user, their projects, and their permissions in one namespace.
type me struct {
	Name     string       `json:"name" doc:"name of the user in Kubernetes"`
	Groups   []string     `json:"groups" doc:"without those that Kubernetes adds itself"`
	Projects []myProject  `json:"projects,omitzero" doc:"those that the user sees, by name; absent where Kubernetes is unreachable and access was not reviewed lately"`
	May      *permissions `json:"may,omitempty" doc:"permissions in the namespace of the query"`
}

type permissions struct {
	Namespace  string       `json:"namespace" doc:"the namespace of the query"`
	Rules      []permission `json:"rules" doc:"what RBAC allows"`
	Incomplete bool         `json:"incomplete" doc:"an authorizer could not list all that it allows"`
}

type permission struct {
	Verbs     []string `json:"verbs" doc:"* is any"`
	Groups    []string `json:"groups" doc:"API groups; * is any"`
	Resources []string `json:"resources" doc:"resources, with /subresource if there is one; * is any"`
	Names     []string `json:"names,omitempty" doc:"absent: any"`
}

// myProject is a project that the user sees.
type myProject struct {
	Name        string  `json:"name" doc:"name of the project and its namespace"`
	DisplayName string  `json:"displayName" doc:"display name; the name by default"`
	Role        v1.Role `json:"role,omitempty" enum:"Viewer,Editor,Admin" doc:"by the user's permissions in the namespace, wherever they come from; absent: less than a Viewer"`
}

func (h *Handlers) meRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "readMe", Method: http.MethodGet, Path: rest.Prefix + "/me", Summary: "Read the user of the request",
			Query:   []openapi.Parameter{{Name: "namespace", Doc: "list my permissions there"}},
			Returns: rest.JSON(me{}), Status: http.StatusOK,
		},
		Handler: h.me,
	}
}

func (h *Handlers) me(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	projects, incomplete, err := h.myProjects(r.Context(), user)
	if kube.Unreachable(err) {
		projects, incomplete, err = nil, true, nil
	}
	if err != nil {
		return err
	}
	rest.SetStale(w, h.cluster.UnreachableSince(live.Projects), h.clock())
	rest.SetIncomplete(w, incomplete)
	caller := user.User()
	response := me{Name: caller.Name(), Groups: append([]string{}, caller.Groups()...), Projects: projects}
	if namespace := r.URL.Query().Get("namespace"); namespace != "" {
		if response.May, err = permissionsIn(r.Context(), user, namespace); err != nil {
			return err
		}
	}
	return rest.WriteJSON(w, http.StatusOK, response)
}

func permissionsIn(ctx context.Context, user *kube.UserClient, namespace string) (*permissions, error) {
	typed, err := user.Kubernetes()
	if err != nil {
		return nil, err
	}
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	review, err = typed.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	allowed := &permissions{Namespace: namespace, Rules: []permission{}, Incomplete: review.Status.Incomplete}
	for _, rule := range review.Status.ResourceRules {
		allowed.Rules = append(allowed.Rules, permission{
			Verbs: rule.Verbs, Groups: rule.APIGroups, Resources: rule.Resources, Names: rule.ResourceNames,
		})
	}
	return allowed, nil
}

// myProjects returns the projects that the user sees, and whether some were left out: see
// Visible.
func (h *Handlers) myProjects(ctx context.Context, user *kube.UserClient) (projects []myProject, incomplete bool, err error) {
	visible, skippedProjects, err := h.Visible(ctx, user, "")
	if err != nil {
		return nil, false, err
	}
	reviewed := make([]*myProject, len(visible))
	skippedRoles, err := rest.ForEachReachable(ctx, len(visible), func(ctx context.Context, i int) error {
		role, err := roleIn(ctx, user, visible[i].Name)
		if err != nil {
			return err
		}
		reviewed[i] = &myProject{Name: visible[i].Name, DisplayName: cmp.Or(visible[i].Spec.DisplayName, visible[i].Name), Role: role}
		return nil
	})
	projects = []myProject{}
	for _, project := range reviewed {
		if project != nil {
			projects = append(projects, *project)
		}
	}
	return projects, skippedProjects != nil || skippedRoles != nil, err
}

// roleIn returns the highest role of the user in a namespace, by a permission that each role
// of bundle/rbac/project_roles.yaml has and the next lower one does not have.
func roleIn(ctx context.Context, user *kube.UserClient, namespace string) (v1.Role, error) {
	for _, distinctive := range []struct {
		role v1.Role
		need rest.Need
	}{
		{v1.RoleAdmin, rest.Need{Verb: "delete", Resource: "persistentvolumeclaims"}},
		{v1.RoleEditor, npudeploys.Need("create")},
		{v1.RoleViewer, npudeploys.Need("list")},
	} {
		allowed, err := rest.CanIn(ctx, user, distinctive.need, namespace, "")
		if err != nil {
			return "", err
		}
		if allowed {
			return distinctive.role, nil
		}
	}
	return "", nil
}
