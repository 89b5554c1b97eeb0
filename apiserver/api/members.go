package api

import (
	"net/http"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// memberList is who is in a project.
type memberList struct {
	Items []member `json:"items" doc:"in the order of the spec"`
}

type member struct {
	Kind v1.MemberKind `json:"kind" doc:"User or Group"`
	Name string        `json:"name" doc:"as Kubernetes knows them"`
	Role v1.Role       `json:"role" doc:"Viewer, Editor or Admin"`
}

// memberRoutes have a member's name in the query: it may hold slashes, and proxies read a
// path with %2F or %2E in it each in their own way.
func (a *API) memberRoutes() []route {
	k := projects()
	path := k.one + "/members"
	query := []openapi.Parameter{
		{Name: "kind", Doc: "User or Group", Required: true},
		{Name: "name", Doc: "the member's, as Kubernetes knows them", Required: true},
		dryRunParameter(),
	}
	return []route{
		{
			Operation: openapi.Operation{
				Method: http.MethodGet, Path: path, Summary: "List the members of a Project",
				Answers: jsonOf(memberList{}), Status: http.StatusOK,
			},
			needs: needs(k.resource, "get"), serve: a.getMembers,
		},
		{
			Operation: openapi.Operation{
				Method: http.MethodPut, Path: path, Summary: "Give a member of a Project a role",
				Query: query, Accepts: jsonOf(wantedRole{}), Answers: jsonOf(member{}), Status: http.StatusOK,
			},
			change: "set member", needs: needs(k.resource, "get", "patch"), serve: putMember,
		},
		{
			Operation: openapi.Operation{
				Method: http.MethodDelete, Path: path, Summary: "Take a member out of a Project",
				Query: query, Status: http.StatusAccepted,
			},
			change: "remove member", needs: needs(k.resource, "get", "patch"), serve: deleteMember,
		},
	}
}

func (a *API) getMembers(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	project, err := a.project(w, r, user)
	if err != nil {
		return err
	}
	answer := memberList{Items: []member{}}
	for _, one := range project.Spec.Members {
		answer.Items = append(answer.Items, member(one))
	}
	return writeJSON(w, http.StatusOK, answer)
}

// memberOf is the member of the query, as far as somebody can be that.
func memberOf(r *http.Request) (v1.Member, error) {
	query := r.URL.Query()
	found := v1.Member{Kind: v1.MemberKind(query.Get("kind")), Name: query.Get("name")}
	if found.Kind != v1.MemberUser && found.Kind != v1.MemberGroup {
		return v1.Member{}, problem.New(http.StatusBadRequest, "kind has to be User or Group")
	}
	if _, err := auth.NewUser(found.Name, nil); err != nil {
		return v1.Member{}, problem.New(http.StatusBadRequest, err.Error())
	}
	return found, nil
}
