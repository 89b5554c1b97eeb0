package dashboard

import (
	"net/http"

	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	projectsOperation = "listProjects"
	meOperation       = "readMe"
)

func (h *Handlers) projectsRoute() rest.Route {
	return h.newPage("showProjects", "/projects", "Page: the projects that I see", projectsOperation, h.projects)
}

// projectView is a project of pages/projects.html.
type projectView struct {
	v1.Project

	Role    v1.Role                // of the user; empty if less than a Viewer
	Devices []devices.ProjectCount // that it holds, waits for or has a quota of
}

// myProject is a project that the user sees, with the user's role there.
type myProject struct {
	Name string  `json:"name"`
	Role v1.Role `json:"role"`
}

func (h *Handlers) myProjects(r *http.Request, user *kube.UserClient) ([]myProject, error) {
	var me struct {
		Projects []myProject `json:"projects"`
	}
	_, err := h.read(r, user, meOperation, input{}, &me)
	return me.Projects, err
}

func (h *Handlers) projects(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	list := v1.ProjectList{}
	answer, err := h.read(r, user, projectsOperation, input{}, &list)
	if err != nil {
		return err
	}
	view := devices.View{}
	if _, err := h.read(r, user, devicesOperation, input{}, &view); err != nil {
		return err
	}
	mine, err := h.myProjects(r, user)
	if err != nil {
		return err
	}
	shown := make([]projectView, len(list.Items))
	for i := range list.Items {
		shown[i].Project = list.Items[i]
		for _, project := range mine {
			if project.Name == list.Items[i].Name {
				shown[i].Role = project.Role
			}
		}
		for _, project := range view.Projects {
			if project.Namespace == list.Items[i].Name {
				shown[i].Devices = project.Types
			}
		}
	}
	return h.writeRead(w, r, "projects.html", "projects", answer, shown)
}
