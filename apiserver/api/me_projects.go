package api

import (
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

func (a *API) myProjects(ctx context.Context, user *kube.UserClient) ([]myProject, error) {
	seen, err := a.seenProjects(ctx, user)
	if err != nil {
		return nil, err
	}
	mine := make([]myProject, len(seen))
	err = each(ctx, len(seen), func(ctx context.Context, i int) (err error) {
		mine[i] = myProject{Name: seen[i].Name, DisplayName: seen[i].Spec.DisplayName}
		if mine[i].DisplayName == "" {
			mine[i].DisplayName = seen[i].Name
		}
		mine[i].Role, err = roleIn(ctx, user, seen[i].Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return mine, nil
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
