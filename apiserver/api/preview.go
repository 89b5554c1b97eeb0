package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/internal/render"
)

// preview is what an NpuDeploy would become.
type preview struct {
	Templates string           `json:"templates" doc:"digest of the templates that this rests on"`
	Effect    render.Effect    `json:"effect" doc:"the worst of the changes: None, InPlace, Restart (pods are replaced) or Delete (an object goes)"`
	Changes   []render.Change  `json:"changes" doc:"each object that would differ"`
	Manifests []map[string]any `json:"manifests" doc:"what the controller would apply, in this order"`
	Sources   []previewSource  `json:"sources,omitempty" doc:"where each field came from, if sources=true asks for it"`
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
	options, _, err := applyOptions(r)
	if err != nil {
		return err
	}
	by, err := a.basisOf(r, deploy.GetNamespace())
	if err != nil {
		return err
	}
	is, then := rendered{object: named(r)}, rendered{object: deploy.DeepCopy()}
	is.object.SetName(deploy.GetName())
	// Kubernetes makes of deploy what it would make of it in earnest: merged with what others
	// own, and judged by admission. That is mostly what was sent, which renders meanwhile.
	group, ctx := errgroup.WithContext(r.Context())
	group.Go(func() error { return attempted("patch", apply(ctx, user, deploy, append(options, client.DryRunAll))) })
	group.Go(func() error {
		if err := a.look(ctx, user, by, &is); err != nil {
			return attempted("get", err)
		}
		return a.renders.next(ctx, by, &is, &then)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if !sameSpec(then.object, deploy) {
		then = rendered{object: deploy}
		if err := a.renders.next(r.Context(), by, &is, &then); err != nil {
			return err
		}
	}
	if then.fault != nil {
		return then.fault
	}
	answer, err := compare(by, is.result, then.result)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, answer)
}

// basisOf is what the NpuDeploys of a namespace render by now.
func (a *API) basisOf(r *http.Request, namespace string) (basis, error) {
	sources, err := isSet(r, "sources")
	if err != nil {
		return basis{}, err
	}
	facts, err := a.factsIn(r.Context(), namespace)
	return basis{a.options.Templates(), facts, sources}, err
}

// look reads and renders the live one, if there is one.
func (a *API) look(ctx context.Context, user *kube.UserClient, by basis, is *rendered) error {
	if err := user.Get(ctx, client.ObjectKeyFromObject(is.object), is.object); err != nil {
		return client.IgnoreNotFound(err)
	}
	return a.renders.recall(ctx, by, is)
}

// compare says what becomes of what is. What does not render now is not running by these
// templates: all of it would be new.
func compare(by basis, is, then *render.Result) (*preview, error) {
	if is == nil {
		is = &render.Result{}
	}
	answer := &preview{Templates: by.set.Digest, Changes: []render.Change{}}
	var changes []render.Change
	var err error
	answer.Effect, changes = render.Compare(is, then)
	for _, change := range changes {
		if change.Diff, err = diffOf(change.Object, is, then); err != nil {
			return nil, err
		}
		answer.Changes = append(answer.Changes, change)
	}
	for _, object := range then.Objects {
		answer.Manifests = append(answer.Manifests, object.Object)
	}
	if by.sources {
		answer.Sources, err = sourcesOf(then)
	}
	return answer, err
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
