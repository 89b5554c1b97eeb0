package dashboard

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/gorilla/mux"
	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The operations of REST that the editor calls.
const (
	createOperation  = "createNpuDeploy"
	putOperation     = "putNpuDeploy"
	previewOperation = "previewNpuDeploy"
)

// newPath is the page for a new deployment of a project.
const newPath = "/new/{namespace}"

// skeleton is what a new deployment begins with.
const skeleton = `apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata:
  name: llama-8b
spec:
  model: meta-llama/Meta-Llama-3.1-8B-Instruct
  accelerator: {type: atom, count: 8}
  endpoint: {host: llama-8b.nufi.me}
`

func (h *Handlers) editorRoutes() []rest.Route {
	return []rest.Route{
		h.newPage("showNew", newPath, "Page: a new deployment", createOperation, h.showNew),
		h.newForm("submitNew", newPath, "Form: preview or create a deployment", createOperation, h.submitEditor),
		h.newPage("showEditor", deploymentPath+"/edit", "Page: change a deployment", readOperation, h.showEditor),
		h.newForm("submitEdit", deploymentPath+"/edit", "Form: preview or change a deployment", putOperation, h.submitEditor),
	}
}

// editorPage is the model of pages/editor.html.
type editorPage struct {
	Namespace, Name string // the name is empty for a new deployment
	Path            string
	YAML, ETag      string
	Force           bool
	Problem         *problem.Error
	Errors          []lineError
	Current         string // the spec that another user has written meanwhile
	Preview         *previewView
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
	return h.writeEditor(w, r, &editorPage{Namespace: namespace, YAML: skeleton})
}

func (h *Handlers) showEditor(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	text, tag, err := h.currentSpec(r, user)
	if err != nil {
		return err
	}
	return h.writeEditor(w, r, &editorPage{Namespace: mux.Vars(r)["namespace"], Name: mux.Vars(r)["name"], YAML: text, ETag: tag})
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

func (h *Handlers) writeEditor(w http.ResponseWriter, r *http.Request, page *editorPage) error {
	page.Path = "/new/" + page.Namespace
	if page.Name != "" {
		page.Path = "/deployments/" + page.Namespace + "/" + page.Name + "/edit"
	}
	view := frame{Section: "deployments", Title: cmp.Or(page.Name, page.Namespace), Path: page.Path, Page: page}
	if page.Problem != nil {
		view.Status = page.Problem.Status
	}
	return h.views.write(w, r, "editor.html", view)
}

// submitEditor previews the text, or writes it and redirects to the deployment.
func (h *Handlers) submitEditor(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	page := &editorPage{
		Namespace: mux.Vars(r)["namespace"], Name: mux.Vars(r)["name"], YAML: r.PostFormValue("yaml"),
		ETag: r.PostFormValue("etag"), Force: r.PostFormValue("force") == "true",
	}
	in := input{contentType: rest.MediaYAML, body: page.YAML}
	if page.Force && page.Name != "" {
		in.query = url.Values{"force": {"true"}}
	}
	if r.PostFormValue("do") != "save" {
		page.Preview = &previewView{}
		if page.Name == "" {
			in.query = nil
		}
		if _, err := h.read(r, user, previewOperation, in, page.Preview); err != nil {
			page.Preview = nil
			return h.failEditor(w, r, user, page, previewOperation, err)
		}
		return h.writeEditor(w, r, page)
	}
	operation := createOperation
	if page.Name != "" {
		operation, in.match = putOperation, page.ETag
	}
	written := &v1.NpuDeploy{}
	if _, err := h.read(r, user, operation, in, written); err != nil {
		return h.failEditor(w, r, user, page, operation, err)
	}
	target := "/deployments/" + written.Namespace + "/" + written.Name
	http.Redirect(w, r, target+"?"+url.Values{languageParameter: {string(languageOf(r))}, "done": {"save"}}.Encode(), http.StatusSeeOther)
	return nil
}

// failEditor shows the text again with its errors. After a change by another user it shows
// that version too, over which the next save writes.
func (h *Handlers) failEditor(w http.ResponseWriter, r *http.Request, user *kube.UserClient, page *editorPage, operation string, failure error) error {
	if !acceptsHTML(r) {
		return failure
	}
	page.Problem = h.problem(r, user, h.route(operation).Needs, failure)
	for _, e := range page.Problem.Errors {
		page.Errors = append(page.Errors, lineError{e, lineOf(page.YAML, e.Field)})
	}
	if page.Problem.Status == http.StatusPreconditionFailed && page.Name != "" {
		current, tag, err := h.currentSpec(r, user)
		if err != nil {
			return failure
		}
		page.Current, page.ETag = current, tag
	}
	return h.writeEditor(w, r, page)
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
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == name {
				return node.Content[i+1], node.Content[i].Line
			}
		}
	case yamlv3.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i].Line
		}
	}
	return nil, 0
}
