package dashboard

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// manifest is an object that the templates render, and where its fields come from.
type manifest struct {
	Object, YAML string
	Fields       []field
}

type field struct {
	Path, Value string
	Sources     []origin
}

// origin is what decides a value.
type origin struct {
	Kind render.SourceKind // suffix of its key in words
	Line string            // file and line; empty if unknown
}

// addManifests shows what the controller applies.
func addManifests(h *Handlers, r *http.Request, user *kube.UserClient, page *deploymentPage) error {
	var rendered struct {
		Manifests []map[string]any `json:"manifests"`
		Sources   []struct {
			Object, Field, Value string
			Decided              []struct {
				By   render.SourceKind
				File string
				Line int
			}
		} `json:"sources"`
	}
	in := input{query: url.Values{"sources": {"true"}}}
	if _, err := h.read(r, user, manifestsOperation, in, &rendered); err != nil {
		return err
	}
	fields := map[string][]field{}
	for _, source := range rendered.Sources {
		shown := field{Path: source.Field, Value: source.Value}
		for _, by := range source.Decided {
			from := origin{Kind: by.By}
			if by.File != "" {
				from.Line = by.File + ":" + strconv.Itoa(by.Line)
			}
			shown.Sources = append(shown.Sources, from)
		}
		fields[source.Object] = append(fields[source.Object], shown)
	}
	for _, object := range rendered.Manifests {
		text, err := yaml.Marshal(object)
		if err != nil {
			return err
		}
		kind, name, _ := strings.Cut(objectName(object), "/")
		page.Manifests = append(page.Manifests, manifest{kind + "/" + name, string(text), fields[strings.ToLower(kind)+"/"+name]})
	}
	return nil
}

// objectName returns Kind/name.
func objectName(object map[string]any) string {
	kind, _ := object["kind"].(string)
	metadata, _ := object["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	return kind + "/" + name
}

// addSpec shows what a user writes: no status, and no metadata of Kubernetes.
func addSpec(_ *Handlers, _ *http.Request, _ *kube.UserClient, page *deploymentPage) error {
	metadata := map[string]any{"name": page.Name, "namespace": page.Project}
	if len(page.deploy.Labels) > 0 {
		metadata["labels"] = page.deploy.Labels
	}
	if len(page.deploy.Annotations) > 0 {
		metadata["annotations"] = page.deploy.Annotations
	}
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": v1.GroupVersion().String(), "kind": v1.Kind, "metadata": metadata, "spec": page.deploy.Spec,
	})
	page.Spec = string(text)
	return err
}
