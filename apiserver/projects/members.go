package projects

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gorilla/mux"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/resources"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// memberList is the members of a project.
type memberList struct {
	Items []member `json:"items" doc:"in the order of the spec"`
}

type member struct {
	Kind v1.MemberKind `json:"kind" enum:"User,Group" doc:"kind of the member"`
	Name string        `json:"name" doc:"name of the user or group in Kubernetes"`
	Role v1.Role       `json:"role" enum:"Viewer,Editor,Admin" doc:"role of the member"`
}

// desiredRole is what a client sends.
type desiredRole struct {
	Role v1.Role `json:"role" enum:"Viewer,Editor,Admin" doc:"role of the member"`
}

// memberRoutes have a member's name in the query: it may contain slashes, and proxies differ
// in how they treat %2F and %2E in a path.
func (h *Handlers) memberRoutes() []rest.Route {
	path := objectPath + "/members"
	query := []openapi.Parameter{
		{Name: "kind", Doc: "kind of the member", Required: true, Schema: openapi.Enum(string(v1.MemberUser), string(v1.MemberGroup))},
		{Name: "name", Doc: "name of the user or group in Kubernetes", Required: true},
		rest.DryRunParameter(),
	}
	return []rest.Route{
		{
			Operation: openapi.Operation{
				ID: "listMembers", Method: http.MethodGet, Path: path, Summary: "List the members of a Project",
				Returns: rest.JSON(memberList{}), Status: http.StatusOK,
			},
			Needs: rest.Needs(live.Projects, "get"), Handler: h.listMembers,
		},
		{
			Operation: openapi.Operation{
				ID: "putMember", Method: http.MethodPut, Path: path, Summary: "Give a member of a Project a role",
				Query: query, Accepts: []openapi.Content{rest.JSON(desiredRole{})}, Returns: rest.JSON(member{}), Status: http.StatusOK,
			},
			Change: "set member", Needs: rest.Needs(live.Projects, "get", "patch"), Handler: putMember,
		},
		{
			Operation: openapi.Operation{
				ID: "deleteMember", Method: http.MethodDelete, Path: path, Summary: "Remove a member from a Project",
				Query: query, Status: http.StatusAccepted,
			},
			Change: "remove member", Needs: rest.Needs(live.Projects, "get", "patch"), Handler: deleteMember,
		},
	}
}

func (h *Handlers) listMembers(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	project, err := h.project(w, r, user)
	if err != nil {
		return err
	}
	response := memberList{Items: []member{}}
	for _, m := range project.Spec.Members {
		response.Items = append(response.Items, member(m))
	}
	return rest.WriteJSON(w, http.StatusOK, response)
}

func putMember(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	desired, err := memberOf(r)
	if err != nil {
		return err
	}
	if desired.Role, err = readRole(r); err != nil {
		return err
	}
	rest.SetSubject(r.Context(), fmt.Sprintf("%s %s: %s", desired.Kind, desired.Name, desired.Role))
	err = changeMembers(r, user, func(members []v1.Member) ([]v1.Member, error) {
		if i := slices.IndexFunc(members, sameIdentity(desired)); i >= 0 {
			members[i].Role = desired.Role
			return members, nil
		}
		return append(members, desired), nil
	})
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, member(desired))
}

func deleteMember(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	removed, err := memberOf(r)
	if err != nil {
		return err
	}
	rest.SetSubject(r.Context(), fmt.Sprintf("%s %s", removed.Kind, removed.Name))
	err = changeMembers(r, user, func(members []v1.Member) ([]v1.Member, error) {
		remaining := slices.DeleteFunc(members, sameIdentity(removed))
		if len(remaining) == len(members) {
			return nil, problem.New(http.StatusNotFound, "the project has no such member")
		}
		return remaining, nil
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted) // the controller removes the role bindings
	return nil
}

// memberOf returns the member that the query names.
func memberOf(r *http.Request) (v1.Member, error) {
	query := r.URL.Query()
	m := v1.Member{Kind: v1.MemberKind(query.Get("kind")), Name: query.Get("name")}
	if m.Kind != v1.MemberUser && m.Kind != v1.MemberGroup {
		return v1.Member{}, problem.New(http.StatusBadRequest, "kind must be User or Group")
	}
	if _, err := auth.NewUser(m.Name, nil); err != nil {
		return v1.Member{}, problem.New(http.StatusBadRequest, err.Error())
	}
	return m, nil
}

func readRole(r *http.Request) (v1.Role, error) {
	var desired desiredRole
	if err := rest.ReadJSON(r, &desired); err != nil {
		return "", err
	}
	if !slices.Contains([]v1.Role{v1.RoleViewer, v1.RoleEditor, v1.RoleAdmin}, desired.Role) {
		return "", problem.Invalid("role", "must be Viewer, Editor or Admin")
	}
	return desired.Role, nil
}

func sameIdentity(m v1.Member) func(v1.Member) bool {
	return func(other v1.Member) bool { return other.Kind == m.Kind && other.Name == m.Name }
}

// changeMembers changes the members of the newest version, and retries on conflict: changes
// that others write meanwhile stay.
func changeMembers(r *http.Request, user *kube.UserClient, change func([]v1.Member) ([]v1.Member, error)) error {
	dryRun, err := rest.DryRun(r)
	if err != nil {
		return err
	}
	if err := requireVerb(r.Context(), user, "patch", mux.Vars(r)["name"]); err != nil {
		return err
	}
	for range resources.MaxAttempts {
		if err = patchMembers(r, user, change, dryRun); !apierrors.IsConflict(err) {
			break
		}
	}
	return err
}

func patchMembers(r *http.Request, user *kube.UserClient, change func([]v1.Member) ([]v1.Member, error), dryRun bool) error {
	project := &v1.Project{}
	if err := user.Get(r.Context(), client.ObjectKey{Name: mux.Vars(r)["name"]}, project); err != nil {
		return rest.WithVerb("get", err)
	}
	members, err := change(project.Spec.Members)
	if err != nil {
		return err
	}
	patch := map[string]any{
		"metadata": map[string]any{"resourceVersion": project.ResourceVersion},
		"spec":     map[string]any{"members": members},
	}
	return rest.WithVerb("patch", resources.Merge(r.Context(), user, kind().Object(r), patch, resources.FieldManager, dryRun))
}
