package api

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gorilla/mux"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// wantedRole is what a client sends.
type wantedRole struct {
	Role v1.Role `json:"role" doc:"Viewer, Editor or Admin"`
}

func putMember(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	wanted, err := memberOf(r)
	if err != nil {
		return err
	}
	if wanted.Role, err = readRole(r); err != nil {
		return err
	}
	recordOf(r.Context()).about = fmt.Sprintf("%s %s: %s", wanted.Kind, wanted.Name, wanted.Role)
	err = changeMembers(r, user, func(members []v1.Member) ([]v1.Member, error) {
		if i := slices.IndexFunc(members, sameAs(wanted)); i >= 0 {
			members[i].Role = wanted.Role
			return members, nil
		}
		return append(members, wanted), nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, member(wanted))
}

func deleteMember(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	leaving, err := memberOf(r)
	if err != nil {
		return err
	}
	recordOf(r.Context()).about = fmt.Sprintf("%s %s", leaving.Kind, leaving.Name)
	err = changeMembers(r, user, func(members []v1.Member) ([]v1.Member, error) {
		left := slices.DeleteFunc(members, sameAs(leaving))
		if len(left) == len(members) {
			return nil, problem.New(http.StatusNotFound, "the project has no such member")
		}
		return left, nil
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted) // The controller takes the rights away.
	return nil
}

// tries is how often a change is made anew to what somebody else has written.
const tries = 5

// changeMembers changes the list over the version that it is read from: what others write
// in between stays.
func changeMembers(r *http.Request, user *kube.UserClient, change func([]v1.Member) ([]v1.Member, error)) error {
	dry, err := dryRun(r)
	if err != nil {
		return err
	}
	if err := must(r.Context(), user, "patch", mux.Vars(r)["name"]); err != nil {
		return err
	}
	for range tries {
		if err = tryMembers(r, user, change, dry); !apierrors.IsConflict(err) {
			break
		}
	}
	return err
}

func tryMembers(r *http.Request, user *kube.UserClient, change func([]v1.Member) ([]v1.Member, error), dry bool) error {
	project := &v1.Project{}
	if err := user.Get(r.Context(), client.ObjectKey{Name: mux.Vars(r)["name"]}, project); err != nil {
		return attempted("get", err)
	}
	members, err := change(project.Spec.Members)
	if err != nil {
		return err
	}
	patch := map[string]any{
		"metadata": map[string]any{"resourceVersion": project.ResourceVersion},
		"spec":     map[string]any{"members": members},
	}
	return attempted("patch", merge(r.Context(), user, projects().named(r), patch, manager, dry))
}

func readRole(r *http.Request) (v1.Role, error) {
	if _, err := mediaOf(r, mediaJSON); err != nil {
		return "", err
	}
	var wanted wantedRole
	if err := readJSON(r, &wanted); err != nil {
		return "", err
	}
	if !slices.Contains([]v1.Role{v1.RoleViewer, v1.RoleEditor, v1.RoleAdmin}, wanted.Role) {
		return "", problem.Invalid("role", "has to be Viewer, Editor or Admin")
	}
	return wanted.Role, nil
}

func sameAs(wanted v1.Member) func(v1.Member) bool {
	return func(other v1.Member) bool { return other.Kind == wanted.Kind && other.Name == wanted.Name }
}
