package api

import (
	"cmp"
	"context"

	"github.com/dudaji/nufi/apiserver/kube"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// myProject is a project, for who works in it.
type myProject struct {
	Name        string  `json:"name" doc:"its namespace's, too"`
	DisplayName string  `json:"displayName" doc:"as people write it; the name where nobody chose another"`
	Role        v1.Role `json:"role,omitempty" doc:"Viewer, Editor or Admin, told by what the person may in the namespace, however they came by it; absent: less than a Viewer"`
}

// myProjects are those that the person sees, and whether some were left out: see seenProjects.
func (a *API) myProjects(ctx context.Context, user *kube.UserClient) (mine []myProject, leftOut bool, err error) {
	seen, unseen, err := a.seenProjects(ctx, user, "")
	if err != nil {
		return nil, false, err
	}
	known := make([]bool, len(seen))
	all := make([]myProject, len(seen))
	unknown, err := eachKnown(ctx, len(seen), func(ctx context.Context, i int) (err error) {
		all[i] = myProject{Name: seen[i].Name, DisplayName: cmp.Or(seen[i].Spec.DisplayName, seen[i].Name)}
		all[i].Role, err = roleIn(ctx, user, seen[i].Name)
		known[i] = err == nil
		return err
	})
	mine = []myProject{}
	for i := range all {
		if known[i] {
			mine = append(mine, all[i])
		}
	}
	return mine, unseen != nil || unknown != nil, err
}

// roleIn is the most that a person is in a namespace, by a permission that each role of
// bundle/rbac/project_roles.yaml has and the one below has not.
func roleIn(ctx context.Context, user *kube.UserClient, namespace string) (v1.Role, error) {
	for _, mark := range []struct {
		role                  v1.Role
		verb, group, resource string
	}{
		{v1.RoleAdmin, "delete", "", "persistentvolumeclaims"},
		{v1.RoleEditor, "create", v1.Group, resource},
		{v1.RoleViewer, "list", v1.Group, resource},
	} {
		may, err := canIn(ctx, user, mark.verb, mark.group, mark.resource, namespace, "")
		if err != nil {
			return "", err
		}
		if may {
			return mark.role, nil
		}
	}
	return "", nil
}
