package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/controller/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// preview is what an NpuDeploy would become.
type preview struct {
	Templates string           `json:"templates" doc:"digest of the templates that this rests on"`
	Effect    render.Effect    `json:"effect" doc:"the worst of the changes: None, InPlace, Restart (pods are replaced) or Delete (an object goes)"`
	Changes   []previewChange  `json:"changes" doc:"each object that would differ"`
	Manifests []map[string]any `json:"manifests" doc:"what the controller would apply, in this order"`
	Sources   []previewSource  `json:"sources,omitempty" doc:"where each field came from, if sources=true asks for it"`
}

type previewChange struct {
	Object string        `json:"object" doc:"kind/name"`
	Effect render.Effect `json:"effect" doc:"InPlace, Restart or Delete"`
	Diff   string        `json:"diff" doc:"unified diff of the YAML"`
}

type previewSource struct {
	Object  string         `json:"object" doc:"kind/name"`
	Field   string         `json:"field" doc:"path of the field"`
	Value   string         `json:"value" doc:"as JSON"`
	Decided []previewPlace `json:"decided" doc:"all that had a say"`
}

type previewPlace struct {
	By   render.SourceKind `json:"by" doc:"user, project, policy, accelerator or template"`
	File string            `json:"file,omitempty" doc:"file of the templates"`
	Line int               `json:"line,omitempty" doc:"line in it"`
}

func (a *API) previewRoute() route {
	return route{
		Operation: openapi.Operation{
			Method: http.MethodPost, Path: prefix + "/namespaces/{namespace}/preview",
			Summary: "Say what an NpuDeploy would become, and what that does to the one that is there; nothing is written",
			Query:   []openapi.Parameter{forceParameter(), {Name: "sources", Doc: "true: say where each field came from"}},
			Accepts: openapi.Content{Types: []string{mediaJSON, mediaYAML}, Schema: refNpuDeploy},
			Answers: jsonOf(preview{}), Status: http.StatusOK,
		},
		needs: needs(resource, "get", "create", "patch"), serve: a.preview,
	}
}

func (a *API) preview(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	if _, err := mediaOf(r, mediaJSON, mediaYAML); err != nil {
		return err
	}
	deploy, err := readDeploy(r)
	if err != nil {
		return err
	}
	if deploy.GetName() == "" {
		return problem.Invalid("metadata.name", "is missing")
	}
	live, err := tryDeploy(r, user, deploy)
	if err != nil {
		return err
	}
	facts, err := a.factsIn(r.Context(), deploy.GetNamespace())
	if err != nil {
		return err
	}
	answer, err := a.render(r.Context(), live, deploy, facts, r.URL.Query().Get("sources") == "true")
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, answer)
}

// tryDeploy has Kubernetes make of deploy what it would make of it in earnest: merged
// with what others own, and judged by admission. It returns the live one, nil if there is
// none.
func tryDeploy(r *http.Request, user *kube.UserClient, deploy *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	live := named(r)
	live.SetName(deploy.GetName())
	err := user.Get(r.Context(), client.ObjectKeyFromObject(live), live)
	if apierrors.IsNotFound(err) {
		return nil, attempted("create", createObject(r.Context(), user, deploy, true))
	}
	if err != nil {
		return nil, attempted("get", err)
	}
	options, _, err := applyOptions(r)
	if err != nil {
		return nil, err
	}
	deploy.SetUID(live.GetUID())
	return live, attempted("patch", apply(r.Context(), user, deploy, append(options, client.DryRunAll)))
}

// render compares what both render to. Only so many renders run at a time as there are
// processors: each takes one for milliseconds.
func (a *API) render(
	ctx context.Context, live, deploy *unstructured.Unstructured, facts render.Facts, sources bool,
) (*preview, error) {
	select {
	case a.renders <- struct{}{}:
		defer func() { <-a.renders }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	set := a.options.Templates()
	after, err := renderOne(set, deploy, facts)
	if err != nil {
		return nil, err
	}
	before := &render.Result{}
	if live != nil {
		before = renderLive(set, live, deploy, facts, after)
	}
	answer := &preview{Templates: set.Digest, Changes: []previewChange{}}
	var changes []render.Change
	answer.Effect, changes = render.Compare(before, after)
	for _, change := range changes {
		text, err := diffOf(change.Object, before, after)
		if err != nil {
			return nil, err
		}
		answer.Changes = append(answer.Changes, previewChange{Object: change.Object, Effect: change.Effect, Diff: text})
	}
	for _, object := range after.Objects {
		answer.Manifests = append(answer.Manifests, object.Object)
	}
	if sources {
		answer.Sources, err = sourcesOf(after)
	}
	return answer, err
}

// renderLive is what the live one renders to. Name, namespace, spec and facts are all that a
// render reads, and most of its time is the evaluation.
func renderLive(
	set *render.Templates, live, deploy *unstructured.Unstructured, facts render.Facts, after *render.Result,
) *render.Result {
	if equality.Semantic.DeepEqual(live.Object["spec"], deploy.Object["spec"]) {
		return after
	}
	// What does not render is not running by these templates: all of it would be new.
	now, err := renderOne(set, live, facts)
	if err != nil {
		return &render.Result{}
	}
	return now
}

func renderOne(set *render.Templates, object *unstructured.Unstructured, facts render.Facts) (*render.Result, error) {
	deploy := &v1.NpuDeploy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, deploy); err != nil {
		return nil, err
	}
	return set.Render(deploy, facts)
}

func diffOf(object string, before, after *render.Result) (string, error) {
	old, err := textOf(object, before)
	if err != nil {
		return "", err
	}
	text, err := textOf(object, after)
	if err != nil {
		return "", err
	}
	return string(diff.Diff("now/"+object, old, "then/"+object, text)), nil
}

// textOf is an object as YAML, empty if it is not among the result's.
func textOf(name string, result *render.Result) ([]byte, error) {
	for _, object := range result.Objects {
		if strings.ToLower(object.GetKind())+"/"+object.GetName() == name {
			return yaml.Marshal(object.Object)
		}
	}
	return nil, nil
}

func sourcesOf(result *render.Result) ([]previewSource, error) {
	explanations, err := result.Explain()
	if err != nil {
		return nil, err
	}
	sources := make([]previewSource, len(explanations))
	for i, explained := range explanations {
		sources[i] = previewSource{Object: explained.Object, Field: explained.Path, Value: explained.Value, Decided: []previewPlace{}}
		for _, source := range explained.Sources {
			sources[i].Decided = append(sources[i].Decided, previewPlace{By: source.Kind, File: source.Position.Filename, Line: source.Position.Line})
		}
	}
	return sources, nil
}
