package previews

import (
	"context"
	"net/http"
	"strings"

	"github.com/gorilla/mux"
	"github.com/rogpeppe/go-internal/diff"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
	"github.com/dudaji/nufi/internal/render"
)

// preview is what an NpuDeploy would render to, compared with the live one.
type preview struct {
	Templates string           `json:"templates" doc:"digest of the templates"`
	Effect    render.Effect    `json:"effect" enum:"None,InPlace,Restart,Delete" doc:"the worst of the changes: None, InPlace, Restart (pods are replaced) or Delete (an object is deleted)"`
	Changes   []render.Change  `json:"changes" doc:"each object that would differ"`
	Manifests []map[string]any `json:"manifests" doc:"what the controller would apply, in this order"`
	Sources   []source         `json:"sources,omitempty" doc:"where each field comes from, with sources=true"`
}

type source struct {
	Object  string     `json:"object" doc:"kind/name"`
	Field   string     `json:"field" doc:"path of the field"`
	Value   string     `json:"value" doc:"as JSON"`
	Decided []position `json:"decided" doc:"all that constrain the value"`
}

type position struct {
	By   render.SourceKind `json:"by" enum:"user,project,policy,accelerator,template" doc:"what constrains the value"`
	File string            `json:"file,omitempty" doc:"file of the templates"`
	Line int               `json:"line,omitempty" doc:"line in it"`
}

func (h *Handlers) previewRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "previewNpuDeploy", Method: http.MethodPost, Path: rest.Prefix + "/namespaces/{namespace}/preview",
			Summary: "Render an NpuDeploy and compare it with the live one; nothing is written",
			Query:   []openapi.Parameter{rest.ForceParameter(), sourcesParameter()},
			Headers: []openapi.Parameter{{Name: "If-Match", Doc: "the ETag that was read: preview a PUT over it; absent: preview an apply"}},
			Accepts: []openapi.Content{{Types: []string{rest.MediaJSON, rest.MediaYAML}, Schema: npudeploys.InputSchema}},
			Returns: rest.JSON(preview{}), Status: http.StatusOK, Errors: []int{http.StatusConflict},
		},
		Needs: rest.Needs(npudeploys.Resource, "get", "create", "patch"), Handler: h.preview,
	}
}

func sourcesParameter() openapi.Parameter {
	return openapi.Parameter{Name: "sources", Doc: "true: include where each field comes from", Schema: openapi.Boolean()}
}

// preview renders the live NpuDeploy and the one that a PUT or an apply of the body would result in.
func (h *Handlers) preview(w http.ResponseWriter, r *http.Request, user *kube.UserClient) error {
	applied, err := npudeploys.Kind().Read(r, rest.MediaJSON, rest.MediaYAML)
	if err != nil {
		return err
	}
	if applied.GetName() == "" {
		return problem.Invalid("metadata.name", "is missing")
	}
	r = mux.SetURLVars(r, map[string]string{"namespace": applied.GetNamespace(), "name": applied.GetName()})
	input, err := h.renderInput(r, applied.GetNamespace())
	if err != nil {
		return err
	}
	live, next := rendered{object: npudeploys.Kind().Object(r)}, rendered{object: applied.DeepCopy()}
	// The dry run merges the body with what others own, and passes admission. The result is
	// mostly the body, so that is rendered at the same time.
	group, ctx := errgroup.WithContext(r.Context())
	group.Go(func() error {
		return npudeploys.Kind().Preview(r.WithContext(ctx), user, applied)
	})
	group.Go(func() error {
		if err := h.renderLive(ctx, user, input, &live); err != nil {
			return rest.WithVerb("get", err)
		}
		if status, ok := live.object.Object["status"]; ok { // It has the states of backends.
			next.object.Object["status"] = status
		}
		return h.renderer.renderNext(ctx, input, &live, &next)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if !sameSpec(next.object, applied) {
		next = rendered{object: applied}
		if err := h.renderer.renderNext(r.Context(), input, &live, &next); err != nil {
			return err
		}
	}
	if next.err != nil {
		return next.err
	}
	response, err := compare(input, live.result, next.result)
	if err != nil {
		return err
	}
	return rest.WriteJSON(w, http.StatusOK, response)
}

// renderInput returns what the NpuDeploys of a namespace are rendered with now.
func (h *Handlers) renderInput(r *http.Request, namespace string) (renderInput, error) {
	sources, err := rest.Bool(r, "sources")
	if err != nil {
		return renderInput{}, err
	}
	templates := h.Templates()
	if sources {
		if templates, err = templates.Explainable(); err != nil {
			return renderInput{}, err
		}
	}
	settings, err := h.projectSettings(r.Context(), namespace)
	return renderInput{templates, settings, sources}, err
}

// renderLive reads and renders the live NpuDeploy, if it exists.
func (h *Handlers) renderLive(ctx context.Context, user *kube.UserClient, input renderInput, live *rendered) error {
	if err := user.Get(ctx, client.ObjectKeyFromObject(live.object), live.object); err != nil {
		return client.IgnoreNotFound(err)
	}
	return h.renderer.renderLive(ctx, input, live)
}

// compare returns the preview. If the live NpuDeploy does not render with these templates,
// all objects are new.
func compare(input renderInput, live, next *render.Result) (*preview, error) {
	if live == nil {
		live = &render.Result{}
	}
	response := &preview{Templates: input.templates.Digest, Changes: []render.Change{}}
	var err error
	var changes []render.Change
	response.Effect, changes = render.Compare(live, next)
	for _, change := range changes {
		if change.Diff, err = diffOf(change.Object, live, next); err != nil {
			return nil, err
		}
		response.Changes = append(response.Changes, change)
	}
	for _, object := range next.Objects {
		response.Manifests = append(response.Manifests, object.Object)
	}
	if input.sources {
		response.Sources, err = sourcesOf(next)
	}
	return response, err
}

func diffOf(object string, live, next *render.Result) (string, error) {
	before, err := yamlOf(object, live)
	if err != nil {
		return "", err
	}
	after, err := yamlOf(object, next)
	if err != nil {
		return "", err
	}
	return string(diff.Diff("now/"+object, before, "then/"+object, after)), nil
}

// yamlOf returns an object as YAML, empty if it is not among the result's.
func yamlOf(name string, result *render.Result) ([]byte, error) {
	for _, object := range result.Objects {
		if strings.ToLower(object.GetKind())+"/"+object.GetName() == name {
			return yaml.Marshal(object.Object)
		}
	}
	return nil, nil
}

func sourcesOf(result *render.Result) ([]source, error) {
	explanations, err := result.Explain()
	if err != nil {
		return nil, err
	}
	sources := make([]source, len(explanations))
	for i, explanation := range explanations {
		sources[i] = source{Object: explanation.Object, Field: explanation.Path, Value: explanation.Value, Decided: []position{}}
		for _, s := range explanation.Sources {
			sources[i].Decided = append(sources[i].Decided, position{By: s.Kind, File: s.Position.Filename, Line: s.Position.Line})
		}
	}
	return sources, nil
}
