package dashboard

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gorilla/mux"
	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// draftRoute returns the route that makes the form and the YAML of an editor equal, and
// validates them. It reads nothing from Kubernetes, so that it can follow each key press; do=effect adds
// the preview.
func (h *Handlers) draftRoute(id, path string) rest.Route {
	route := h.newForm(id, path, "Form: update the form or the YAML, and validate", validateOperation, h.draft)
	route.Status = http.StatusOK
	return route
}

// draftView is what a valid draft renders to.
type draftView struct {
	Objects     []string              `json:"objects"`
	URL         string                `json:"url"`
	Image       string                `json:"image"`
	Accelerator *v1.AcceleratorStatus `json:"accelerator"`

	Replicas int64         `json:"-"`
	Devices  *devices.Type `json:"-"` // of the cluster; nil if unknown
	Project  *projectCount `json:"-"` // nil if the project has no quota
}

// projectCount is what a project holds of its quota, in devices.
type projectCount struct{ Held, Quota int64 }

// Total returns the devices of all replicas.
func (d *draftView) Total() int64 {
	return d.Replicas * int64(max(1, d.Accelerator.Nodes)) * int64(d.Accelerator.Count)
}

// Exceeds reports whether no node has enough free devices for a replica.
func (d *draftView) Exceeds() bool {
	return d.Devices != nil && d.Replicas > 0 && int64(d.Accelerator.Count) > d.Devices.LargestFree
}

// ExceedsQuota reports whether the quota has less than the devices of all replicas.
func (d *draftView) ExceedsQuota() bool { return d.Project != nil && d.Total() > d.Project.Quota }

// draft shows the editor with the form and the YAML equal. By default, the changes in the form
// are applied to the YAML; do=form drops them.
func (h *Handlers) draft(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	page := readEditor(r)
	page.IsDraft = true
	project := r.PostFormValue("project")
	if page.Name == "" && project != "" && project != page.Namespace {
		page.Namespace = project
		r = mux.SetURLVars(r, map[string]string{"namespace": project})
	}
	if r.PostFormValue("do") != "form" {
		text, err := mergeForm(page.YAML, r.PostForm)
		if err != nil {
			return h.failEditor(w, r, user, page, validateOperation, problem.New(http.StatusUnprocessableEntity, err.Error()))
		}
		page.YAML = text
	}
	h.addDraft(r, user, page)
	if page.Problem == nil && r.PostFormValue("do") == "effect" {
		if err := h.addPreview(r, user, page); err != nil {
			h.addProblem(r, user, page, previewOperation, err)
		}
	}
	if page.Problem != nil && !acceptsHTML(r) {
		return page.Problem
	}
	return h.writeEditor(w, r, user, page)
}

// addDraft validates the text of a page, and adds what it renders to or its errors.
func (h *Handlers) addDraft(r *http.Request, user *kube.UserClient, page *editorPage) {
	page.IsDraft = true
	draft := &draftView{}
	in := input{contentType: rest.MediaYAML, body: page.YAML}
	if _, err := h.read(r, user, validateOperation, in, draft); err != nil {
		h.addProblem(r, user, page, validateOperation, err)
		return
	}
	page.Draft = draft
	if draft.Accelerator == nil {
		return
	}
	draft.Replicas = draftReplicas(page.YAML)
	var view devices.View
	if _, err := h.read(r, user, devicesOperation, input{}, &view); err != nil {
		return // The counts are an addition, which the cluster may not have yet.
	}
	for i := range view.Types {
		if view.Types[i].Type == draft.Accelerator.Type {
			draft.Devices = &view.Types[i]
		}
	}
	for _, project := range view.Projects {
		for _, count := range project.Types {
			if project.Namespace == page.Namespace && count.Type == draft.Accelerator.Type && count.Quota != nil {
				draft.Project = &projectCount{count.Held, *count.Quota}
			}
		}
	}
}

// draftReplicas returns the replicas of a valid text: one if it has none.
func draftReplicas(text string) int64 {
	document, _, err := parseYAML(text)
	if err != nil {
		return 1
	}
	value, _ := scalarOf(document.Content[0], "spec", "inferenceServer", "replicas")
	if replicas, err := strconv.ParseInt(value, 10, 32); err == nil {
		return replicas
	}
	return 1
}

// catalogue returns the choices in the page's namespace. Users who may not list NpuDeploys there get
// those of any namespace.
func (h *Handlers) catalogue(r *http.Request, user *kube.UserClient) (*render.Catalogue, error) {
	catalogue := &render.Catalogue{}
	in := input{query: map[string][]string{"namespace": {mux.Vars(r)["namespace"]}}}
	_, err := h.read(r, user, catalogueOperation, in, catalogue)
	if failure, ok := problem.From(err); err != nil && ok && failure.Status == http.StatusForbidden {
		_, err = h.read(r, user, catalogueOperation, input{}, catalogue)
	}
	return catalogue, err
}

// addForm adds the form, the numbers of the lines, and the choices of a new deployment.
func (h *Handlers) addForm(r *http.Request, user *kube.UserClient, page *editorPage) error {
	catalogue, err := h.catalogue(r, user)
	if err != nil {
		return err
	}
	var root *yamlv3.Node
	if document, _, err := parseYAML(page.YAML); err == nil {
		root = document.Content[0]
	}
	errs := make([]problem.FieldError, len(page.Errors))
	for i := range page.Errors {
		errs[i] = page.Errors[i].FieldError
	}
	page.Fields = newForm(root, catalogue, words()[languageOf(r)], errs)
	if page.Name != "" {
		page.Fields[fieldIndex("metadata.name")].Locked = true
	}
	for i := range strings.Count(page.YAML, "\n") + 1 {
		hasError := slices.ContainsFunc(page.Errors, func(e lineError) bool { return e.Line == i+1 })
		page.Lines = append(page.Lines, yamlLine{i + 1, hasError})
	}
	if page.Name != "" {
		return nil
	}
	page.Presets = catalogue.Presets
	page.Projects, err = h.projectOptions(r, user, page.Namespace)
	return err
}

// projectOptions returns a project, and the others that the user may edit.
func (h *Handlers) projectOptions(r *http.Request, user *kube.UserClient, current string) ([]option, error) {
	mine, err := h.myProjects(r, user)
	if err != nil {
		return nil, err
	}
	options := []option{{current, current}}
	for _, project := range mine {
		if (project.Role == v1.RoleEditor || project.Role == v1.RoleAdmin) && project.Name != current {
			options = append(options, option{project.Name, project.Name})
		}
	}
	return options, nil
}

var lineInError = regexp.MustCompile(`line (\d+)`)

// lineOfError returns the line of a syntax error, or 0.
func lineOfError(err error) int {
	match := lineInError.FindStringSubmatch(err.Error())
	if match == nil {
		return 0
	}
	line, _ := strconv.Atoi(match[1]) // digits
	return line
}
