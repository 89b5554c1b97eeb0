package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gorilla/mux"
	yamlv3 "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The operations of REST that the editor calls.
const (
	createOperation    = "createNpuDeploy"
	putOperation       = "putNpuDeploy"
	previewOperation   = "previewNpuDeploy"
	validateOperation  = "validateNpuDeploy"
	catalogueOperation = "readCatalogue"
)

// newPath is the page for a new deployment of a project.
const newPath = "/new/{namespace}"

// empty is what a new deployment without a preset begins with.
const empty = `apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata:
  name: ""
spec:
  model: ""
`

func (h *Handlers) editorRoutes() []rest.Route {
	preset := openapi.Parameter{Name: "preset", Doc: "name of the preset to start from; absent: none", AllowEmpty: true}
	return []rest.Route{
		h.newPage("showNew", newPath, "Page: a new deployment", createOperation, h.showNew, preset),
		h.newForm("submitNew", newPath, "Form: preview or create a deployment", createOperation, h.submitEditor),
		h.draftRoute("draftNew", newPath+"/draft"),
		h.newPage("showEditor", deploymentPath+"/edit", "Page: change a deployment", readOperation, h.showEditor),
		h.newForm("submitEdit", deploymentPath+"/edit", "Form: preview or change a deployment", putOperation, h.submitEditor),
		h.draftRoute("draftEdit", deploymentPath+"/edit/draft"),
	}
}

// editorPage is the model of pages/editor.html.
type editorPage struct {
	Namespace, Name string // the name is empty for a new deployment
	Path            string
	YAML, ETag      string
	Lines           []yamlLine
	Fields          []fieldView
	Projects        []option // of a new deployment
	Presets         []render.Preset
	Force           bool
	IsUnsaved       bool // the text is that of a form, which is not saved
	Problem         *problem.Error
	Errors          []lineError
	IsDraft         bool   // the problem is that of a draft
	Current         string // the spec that another user has written meanwhile
	CurrentDiff     string // from it to the text
	Preview         *previewView
	Draft           *draftView
}

// yamlLine is the number of a line of the text.
type yamlLine struct {
	Number   int
	HasError bool
}

// lineError is an error of a field, with its line in the text; 0 if it is not in the text.
type lineError struct {
	problem.FieldError

	Line int
}

// previewView is what REST's preview reports.
type previewView struct {
	Effect  string `json:"effect"`
	Changes []struct {
		Object string `json:"object"`
		Effect string `json:"effect"`
		Diff   string `json:"diff"`
	} `json:"changes"`
	Manifests []map[string]any `json:"manifests"`
}

// Objects returns the names of the objects that the spec renders to.
func (p *previewView) Objects() []string {
	names := make([]string, len(p.Manifests))
	for i, object := range p.Manifests {
		names[i] = objectName(object)
	}
	return names
}

func (h *Handlers) showNew(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	namespace := mux.Vars(r)["namespace"]
	lacks, err := missing(r.Context(), user, h.route(createOperation).Needs, namespace, "")
	if err != nil {
		return err
	}
	if lacks != nil {
		return rest.Forbidden(*lacks)
	}
	if err := h.checkNamespace(r.Context(), namespace); err != nil {
		return err
	}
	page := &editorPage{Namespace: namespace, YAML: empty}
	if name := r.URL.Query().Get("preset"); name != "" {
		catalogue, err := h.catalogue(r, user)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(catalogue.Presets, func(p render.Preset) bool { return p.Name == name })
		if i < 0 {
			return problem.New(http.StatusNotFound, "there is no such preset")
		}
		if page.YAML, err = presetYAML(catalogue.Presets[i]); err != nil {
			return err
		}
		h.addDraft(r, user, page)
	}
	return h.writeEditor(w, r, user, page)
}

// checkNamespace returns a 404 for a namespace that does not exist, before its user fills in a form in vain.
func (h *Handlers) checkNamespace(ctx context.Context, name string) error {
	if !h.Cluster.Ready() {
		return rest.NotSynced()
	}
	err := h.Cluster.Reader().Get(ctx, client.ObjectKey{Name: name}, &corev1.Namespace{})
	if apierrors.IsNotFound(err) {
		return problem.New(http.StatusNotFound, "namespace "+name+" does not exist")
	}
	return err
}

// presetYAML returns the NpuDeploy of a preset.
func presetYAML(preset render.Preset) (string, error) {
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": v1.GroupVersion().String(), "kind": v1.Kind,
		"metadata": map[string]any{"name": preset.Name}, "spec": preset.Spec,
	})
	return string(text), err
}

func (h *Handlers) showEditor(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	text, tag, err := h.currentSpec(r, user)
	if err != nil {
		return err
	}
	page := &editorPage{Namespace: mux.Vars(r)["namespace"], Name: mux.Vars(r)["name"], YAML: text, ETag: tag}
	h.addDraft(r, user, page)
	return h.writeEditor(w, r, user, page)
}

// currentSpec returns the deployment as YAML, and its ETag.
func (h *Handlers) currentSpec(r *http.Request, user *kube.UserClient) (text, tag string, err error) {
	deploy := &v1.NpuDeploy{}
	answer, err := h.read(r, user, readOperation, input{}, deploy)
	if err != nil {
		return "", "", rest.WithVerb("get", err)
	}
	page := &deploymentPage{row: newRow(deploy, h.Clock()), deploy: deploy}
	err = addSpec(h, r, user, page)
	return page.Spec, answer.header.Get("ETag"), err
}

func (h *Handlers) writeEditor(w http.ResponseWriter, r *http.Request, user *kube.UserClient, page *editorPage) error {
	page.Path = "/new/" + page.Namespace
	if page.Name != "" {
		page.Path = deploymentPathOf(page.Namespace, page.Name) + "/edit"
	}
	if err := h.addForm(r, user, page); err != nil {
		return err
	}
	view := frame{Section: "deployments", Title: cmp.Or(page.Name, page.Namespace), Path: page.Path, Page: page}
	if page.Problem != nil && !page.IsDraft {
		view.Status = page.Problem.Status
	}
	return h.views.write(w, r, "editor.html", view)
}

// readEditor returns the page as it was submitted.
func readEditor(r *http.Request) *editorPage {
	return &editorPage{
		Namespace: mux.Vars(r)["namespace"], Name: mux.Vars(r)["name"], ETag: r.PostFormValue("etag"), Force: r.PostFormValue("force") == "true", IsUnsaved: true,
		YAML: strings.ReplaceAll(r.PostFormValue("yaml"), "\r\n", "\n"), // browsers send CRLF
	}
}

// submitEditor previews the text, or writes it and redirects to the deployment. If another
// project was chosen, it only shows the page of that project.
func (h *Handlers) submitEditor(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	page := readEditor(r)
	if project := r.PostFormValue("project"); page.Name == "" && project != "" && project != page.Namespace {
		return h.draft(w, r, user)
	}
	text, err := mergeForm(page.YAML, r.PostForm)
	if err != nil {
		return h.failEditor(w, r, user, page, createOperation, problem.New(http.StatusUnprocessableEntity, err.Error()))
	}
	page.YAML = text
	if r.PostFormValue("do") != "save" {
		if err := h.addPreview(r, user, page); err != nil {
			return h.failEditor(w, r, user, page, previewOperation, err)
		}
		h.addDraft(r, user, page)
		return h.writeEditor(w, r, user, page)
	}
	operation := createOperation
	if page.Name != "" {
		operation = putOperation
	}
	written := &v1.NpuDeploy{}
	if _, err := h.read(r, user, operation, page.input(), written); err != nil {
		return h.failEditor(w, r, user, page, operation, err)
	}
	redirect(w, r, deploymentPathOf(written.Namespace, written.Name), "done", "save")
	return nil
}

// input returns what the page sends to REST, for a preview as for a save.
func (p *editorPage) input() input {
	in := input{contentType: rest.MediaYAML, body: p.YAML}
	if p.Name == "" {
		return in
	}
	in.match = p.ETag
	if p.Force {
		in.query = url.Values{"force": {"true"}}
	}
	return in
}

// addPreview adds the effect of the text on what runs, which makes a dry run.
func (h *Handlers) addPreview(r *http.Request, user *kube.UserClient, page *editorPage) error {
	preview := &previewView{}
	_, err := h.read(r, user, previewOperation, page.input(), preview)
	if err == nil {
		page.Preview = preview
	}
	return err
}

// failEditor shows the text again with its errors. After a change by another user it shows
// that version too, over which the next save writes.
func (h *Handlers) failEditor(w http.ResponseWriter, r *http.Request, user *kube.UserClient, page *editorPage, operation string, failure error) error {
	if !acceptsHTML(r) {
		return failure
	}
	h.addProblem(r, user, page, operation, failure)
	if page.Problem.Status == http.StatusPreconditionFailed && page.Name != "" {
		current, tag, err := h.currentSpec(r, user)
		if err != nil {
			return failure
		}
		page.Current, page.ETag = current, tag
		page.CurrentDiff = diffOf(current, page)
	}
	return h.writeEditor(w, r, user, page)
}

// addProblem adds an error to the page, with the lines of its fields.
func (h *Handlers) addProblem(r *http.Request, user *kube.UserClient, page *editorPage, operation string, failure error) {
	page.Problem = h.problem(r, user, h.route(operation).Needs, failure)
	for _, e := range page.Problem.Errors {
		page.Errors = append(page.Errors, lineError{e, lineOf(page.YAML, e.Field)})
	}
	if _, _, err := parseYAML(page.YAML); err != nil {
		page.Errors = []lineError{{problem.FieldError{Message: strings.TrimPrefix(err.Error(), "yaml: ")}, lineOfError(err)}}
	}
}

// segment is a part of a field's path: a name, or an index or a key in brackets.
var segment = regexp.MustCompile(`[^.\[\]]+`)

// lineOf returns the line of a field, or of its nearest parent in the text; 0 if there is none.
func lineOf(text, path string) int {
	var document yamlv3.Node
	if err := yamlv3.Unmarshal([]byte(text), &document); err != nil || len(document.Content) == 0 {
		return 0
	}
	node, line := document.Content[0], 0
	for _, name := range segment.FindAllString(path, -1) {
		next, at := childOf(node, strings.Trim(name, `"`))
		if next == nil {
			break
		}
		node, line = next, at
	}
	return line
}

// childOf returns a field of a mapping or an element of a sequence, and its line.
func childOf(node *yamlv3.Node, name string) (*yamlv3.Node, int) {
	switch node.Kind {
	default: // has no children with names
	case yamlv3.MappingNode:
		if i := indexOf(node, name); i >= 0 {
			return node.Content[i+1], node.Content[i].Line
		}
	case yamlv3.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i].Line
		}
	}
	return nil, 0
}
