package dashboard

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gorilla/mux"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// projectPath is the page of one project; its forms are below.
const projectPath = "/projects/{name}"

// The operations of REST that the pages of a project call.
const (
	readProjectOperation     = "readProject"
	createProjectOperation   = "createProject"
	patchProjectOperation    = "patchProject"
	deleteProjectOperation   = "deleteProject"
	projectDeletionOperation = "previewProjectDeletion"
	quotaOperation           = "readQuota"
	putMemberOperation       = "putMember"
	deleteMemberOperation    = "deleteMember"
)

// projectDone returns the changes after which the page of a project says so, with their keys in words.
func projectDone() []string { return []string{"project", "member", "memberRemoved"} }

func (h *Handlers) projectRoutes() []rest.Route {
	done := openapi.Parameter{Name: "done", Doc: "the change that was made", Schema: openapi.Enum(projectDone()...)}
	return []rest.Route{
		h.newPage("showNewProject", "/new-project", "Page: a new project", createProjectOperation, h.showNewProject),
		h.newForm("submitNewProject", "/new-project", "Form: create a project", createProjectOperation, h.submitNewProject),
		h.withLive("project", h.newPage("showProject", projectPath, "Page: a project, its members and its quota", readProjectOperation, h.showProject, done)),
		h.newForm("submitProject", projectPath, "Form: change a project", patchProjectOperation, h.submitProject),
		h.newForm("submitMember", projectPath+"/members", "Form: give a member of a project a role", putMemberOperation, h.submitMember(putMemberOperation)),
		h.newForm("submitMemberRemoval", projectPath+"/members/remove", "Form: remove a member from a project", deleteMemberOperation, h.submitMember(deleteMemberOperation)),
		h.newForm("submitProjectDelete", projectPath+"/delete", "Form: delete a project and all of its namespace; confirm is its name", deleteProjectOperation, h.deleteProject),
	}
}

// projectPage is the model of pages/project.html.
type projectPage struct {
	projectView

	IsNew     bool
	Path      string
	ETag      string
	Fields    []projectField
	Resources []resourceBar
	Done      string
	Problem   *problem.Error
	Missing   *problem.Missing // permission to change the project
	Removal   *projectRemoval
	Member    v1.Member // of the form
}

// projectRemoval is what a deletion of the project deletes, or the permission that is missing for it.
type projectRemoval struct {
	Missing    *problem.Missing `json:"-"`
	NpuDeploys []struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	} `json:"npuDeploys"`
	Objects []struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"objects"`
}

// resourceBar is a limit of the quota, and how much of it is in use.
type resourceBar struct {
	Name, Used, Hard string
	Value, Max       float64
}

// IsUnsaved reports whether the form has values that the project does not have.
func (p *projectPage) IsUnsaved() bool {
	return slices.ContainsFunc(p.Fields, func(field projectField) bool { return field.Changed })
}

// Pattern matches the name in a form.
func (p *projectPage) Pattern() string { return regexp.QuoteMeta(p.Name) }

// Roles returns the roles of members.
func (*projectPage) Roles() []v1.Role { return []v1.Role{v1.RoleViewer, v1.RoleEditor, v1.RoleAdmin} }

// Kinds returns the kinds of members.
func (*projectPage) Kinds() []v1.MemberKind { return []v1.MemberKind{v1.MemberUser, v1.MemberGroup} }

func (h *Handlers) showProject(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	page, answer, err := h.project(r, user)
	if err != nil {
		return err
	}
	if done := r.URL.Query().Get("done"); slices.Contains(projectDone(), done) {
		page.Done = done
	}
	return h.writeProject(w, r, page, answer)
}

// project reads the project that the path names.
func (h *Handlers) project(r *http.Request, user *kube.UserClient) (*projectPage, *response, error) {
	project := &v1.Project{}
	answer, err := h.read(r, user, readProjectOperation, input{}, project)
	if err != nil {
		return nil, nil, rest.WithVerb("get", err)
	}
	view := devices.View{}
	if _, err := h.read(r, user, devicesOperation, input{}, &view); err != nil {
		return nil, nil, err
	}
	mine, err := h.myProjects(r, user)
	if err != nil {
		return nil, nil, err
	}
	page := &projectPage{
		projectView: newProjectView(project, mine, &view), Path: "/projects/" + project.Name, ETag: answer.header.Get("ETag"),
		Member: v1.Member{Kind: v1.MemberUser, Role: v1.RoleViewer},
	}
	if page.Resources, err = h.resourceBars(r, user); err != nil {
		return nil, nil, err
	}
	if page.Missing, err = h.lacks(r, user, patchProjectOperation, "", project.Name); err != nil {
		return nil, nil, err
	}
	if page.Missing == nil {
		if err := h.addProjectFields(r, user, page); err != nil {
			return nil, nil, err
		}
	}
	page.Removal, err = h.projectRemoval(r, user, project.Name)
	return page, answer, err
}

// addProjectFields adds the form with the values of the project.
func (h *Handlers) addProjectFields(r *http.Request, user *kube.UserClient, page *projectPage) error {
	catalogue, err := h.catalogue(r, user)
	if err == nil {
		page.Fields = projectFields(&page.Project, catalogue)
	}
	return err
}

// resourceBars returns the limits of the quota besides devices. Users who may not list them see none.
func (h *Handlers) resourceBars(r *http.Request, user *kube.UserClient) ([]resourceBar, error) {
	var quota struct {
		Resources []struct {
			Resource string `json:"resource"`
			Hard     string `json:"hard"`
			Used     string `json:"used"`
		} `json:"resources"`
	}
	_, err := h.read(r, user, quotaOperation, input{}, &quota)
	if failure, ok := problem.From(err); err != nil && ok && failure.Status == http.StatusForbidden || kube.Unreachable(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var bars []resourceBar
	for _, limit := range quota.Resources {
		name := strings.TrimPrefix(limit.Resource, "requests.")
		if strings.Contains(name, "/") {
			continue // a device
		}
		bars = append(bars, resourceBar{name, limit.Used, limit.Hard, quantity(limit.Used), quantity(limit.Hard)})
	}
	return bars, nil
}

// quantity returns the value of a quantity of Kubernetes; 0 if there is none.
func quantity(text string) float64 {
	parsed, err := resource.ParseQuantity(text)
	if err != nil {
		return 0
	}
	return parsed.AsApproximateFloat64()
}

// projectRemoval reads what a deletion deletes. Only users who may delete the project may read it.
func (h *Handlers) projectRemoval(r *http.Request, user *kube.UserClient, name string) (*projectRemoval, error) {
	removal := &projectRemoval{}
	var err error
	if removal.Missing, err = h.lacks(r, user, deleteProjectOperation, "", name); err != nil || removal.Missing != nil {
		return removal, err
	}
	_, err = h.read(r, user, projectDeletionOperation, input{}, removal)
	if kube.Unreachable(err) {
		err = nil
	}
	return removal, err
}

func (h *Handlers) writeProject(w http.ResponseWriter, r *http.Request, page *projectPage, answer *response) error {
	view := frame{Section: "projects", Title: cmp.Or(page.Spec.DisplayName, page.Name), Path: page.Path, Page: page}
	if page.Problem != nil {
		view.Status = page.Problem.Status
	}
	return h.writeFrame(w, r, "project.html", view, answer)
}

func (h *Handlers) showNewProject(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	lack, err := h.lacks(r, user, createProjectOperation, "", "")
	if err != nil {
		return err
	}
	if lack != nil {
		return rest.Forbidden(*lack)
	}
	page := &projectPage{IsNew: true, Path: "/new-project"}
	if err := h.addProjectFields(r, user, page); err != nil {
		return err
	}
	return h.writeProject(w, r, page, &response{})
}

func (h *Handlers) submitNewProject(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	spec, err := specOf(r)
	if err == nil {
		err = h.sendProject(r, user, createProjectOperation, map[string]any{"metadata": map[string]any{"name": r.PostForm.Get("name")}, "spec": withoutNulls(spec)}, input{contentType: rest.MediaJSON})
	}
	if err == nil {
		redirectToProject(w, r, r.PostForm.Get("name"), "project")
		return nil
	}
	if !acceptsHTML(r) {
		return err
	}
	page := &projectPage{IsNew: true, Path: "/new-project", Problem: h.problem(r, user, h.route(createProjectOperation).Needs, err)}
	if err := h.addProjectFields(r, user, page); err != nil {
		return err
	}
	setSubmitted(page.Fields, r.PostForm, page.Problem.Errors)
	return h.writeProject(w, r, page, &response{})
}

// sendProject sends an object or a patch to REST.
func (h *Handlers) sendProject(r *http.Request, user *kube.UserClient, operation string, content map[string]any, in input) error {
	body, err := json.Marshal(content)
	if err != nil {
		return err
	}
	in.body = string(body)
	_, err = h.call(r, user, operation, in)
	return err
}

// submitProject writes all fields of the form, if the project is still as it was shown.
func (h *Handlers) submitProject(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	spec, err := specOf(r)
	if err == nil {
		err = h.sendProject(r, user, patchProjectOperation, map[string]any{"spec": spec}, input{contentType: rest.MediaMergePatch, match: r.PostForm.Get("etag")})
	}
	if err != nil {
		return h.failProject(w, r, user, patchProjectOperation, err)
	}
	redirectToProject(w, r, mux.Vars(r)["name"], "project")
	return nil
}

// submitMember returns the handler of the forms that set and remove a member.
func (h *Handlers) submitMember(operation string) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
		in := input{query: url.Values{"kind": {r.PostFormValue("kind")}, "name": {strings.TrimSpace(r.PostFormValue("name"))}}}
		done := "memberRemoved"
		if operation == putMemberOperation {
			done, in.contentType = "member", rest.MediaJSON
			body, err := json.Marshal(map[string]string{"role": r.PostFormValue("role")})
			if err != nil {
				return err
			}
			in.body = string(body)
		}
		if _, err := h.call(r, user, operation, in); err != nil {
			return h.failProject(w, r, user, operation, err)
		}
		redirectToProject(w, r, mux.Vars(r)["name"], done)
		return nil
	}
}

// deleteProject requires the name of the project, which a user does not type by accident.
func (h *Handlers) deleteProject(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	in, err := deleteInput(r)
	if err == nil {
		in.query = url.Values{"confirm": {mux.Vars(r)["name"]}}
		_, err = h.call(r, user, deleteProjectOperation, in)
	}
	if err != nil {
		return h.failProject(w, r, user, deleteProjectOperation, err)
	}
	redirect(w, r, "/projects")
	return nil
}

// failProject shows the project with the error of a form, and what the form contained.
func (h *Handlers) failProject(w http.ResponseWriter, r *http.Request, user *kube.UserClient, operation string, failure error) error {
	if !acceptsHTML(r) {
		return failure
	}
	page, answer, err := h.project(r, user)
	if err != nil {
		return failure
	}
	page.Problem = h.problem(r, user, h.route(operation).Needs, failure)
	switch operation {
	case patchProjectOperation:
		setSubmitted(page.Fields, r.PostForm, page.Problem.Errors)
		if page.Problem.Status == http.StatusPreconditionFailed {
			page.Problem.Detail = words()[languageOf(r)].word("projectConflict")
		}
	case putMemberOperation:
		page.Member = v1.Member{Kind: v1.MemberKind(r.PostForm.Get("kind")), Name: r.PostForm.Get("name"), Role: v1.Role(r.PostForm.Get("role"))}
	}
	return h.writeProject(w, r, page, answer)
}

// redirectToProject redirects to the page of a project after a change.
func redirectToProject(w http.ResponseWriter, r *http.Request, name, done string) {
	redirect(w, r, "/projects/"+url.PathEscape(name), "done", done)
}
