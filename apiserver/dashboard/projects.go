package dashboard

import (
	"net/http"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const (
	projectsOperation = "listProjects"
	meOperation       = "readMe"
)

func (h *Handlers) projectsRoute() rest.Route {
	return h.newPage("showProjects", "/projects", "Page: the projects that the caller may read", projectsOperation, h.projects)
}

// projectsPage is the model of pages/projects.html.
type projectsPage struct {
	Projects []projectView
	Missing  *problem.Missing // permission to create a project
}

// projectView is a project, and what it has of the cluster.
type projectView struct {
	v1.Project

	Role    v1.Role                // of the user; empty if less than a Viewer
	Devices []devices.ProjectCount // that it holds, waits for or has a quota of
	Warning string                 // why the project is not ready; empty if it is
}

func newProjectView(project *v1.Project, mine []myProject, view *devices.View) projectView {
	shown := projectView{Project: *project}
	for _, p := range mine {
		if p.Name == project.Name {
			shown.Role = p.Role
		}
	}
	for _, p := range view.Projects {
		if p.Namespace == project.Name {
			shown.Devices = p.Types
		}
	}
	if ready := meta.FindStatusCondition(project.Status.Conditions, v1.ConditionReady); ready != nil && ready.Status != metav1.ConditionTrue {
		shown.Warning = ready.Message
	}
	return shown
}

// maxMembers is how many members of a project the list of projects shows.
const maxMembers = 8

// FirstMembers returns the members that the list of projects shows.
func (p projectView) FirstMembers() []v1.Member {
	return p.Spec.Members[:min(maxMembers, len(p.Spec.Members))]
}

// MoreMembers returns the number of the other members.
func (p projectView) MoreMembers() int { return max(0, len(p.Spec.Members)-maxMembers) }

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
	page := projectsPage{Projects: make([]projectView, len(list.Items))}
	for i := range list.Items {
		page.Projects[i] = newProjectView(&list.Items[i], mine, &view)
	}
	if page.Missing, err = h.lacks(r, user, createProjectOperation, "", ""); err != nil {
		return err
	}
	return h.writeRead(w, r, "projects.html", "projects", answer, page)
}
