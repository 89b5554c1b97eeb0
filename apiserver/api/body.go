package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/apiserver/problem"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The media types that bodies come in.
const (
	mediaJSON  = "application/json"
	mediaYAML  = "application/yaml"
	mediaMerge = "application/merge-patch+json"
	mediaApply = "application/apply-patch+yaml"
)

// mediaOf is the request's media type, which has to be one of known. Without one it is
// the first.
func mediaOf(r *http.Request, known ...string) (string, error) {
	text := r.Header.Get("Content-Type")
	if text == "" {
		return known[0], nil
	}
	media, _, err := mime.ParseMediaType(text)
	if err != nil || !slices.Contains(known, media) {
		return "", problem.New(http.StatusUnsupportedMediaType, "Content-Type has to be one of "+strings.Join(known, ", "))
	}
	return media, nil
}

// readBody tells a body that is too large from one that did not come: a time-out here is
// the client's, not Kubernetes'.
func readBody(r *http.Request) ([]byte, error) {
	text, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, tooLarge
	case err != nil:
		return nil, problem.New(http.StatusRequestTimeout, "the body did not come whole and in time")
	}
	return text, nil
}

// readObject reads a body that is one JSON or YAML object.
func readObject(r *http.Request) (map[string]any, error) {
	text, err := readBody(r)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	// JSON is YAML, but those who read YAML do not know all of JSON's escapes.
	strict, err := kjson.UnmarshalStrict(text, &object)
	if err != nil {
		content, err := yaml.YAMLToJSONStrict(text)
		if err != nil {
			return nil, problem.New(http.StatusBadRequest, "the body is neither JSON nor YAML: "+firstLine(err.Error()))
		}
		object, strict = nil, nil
		if err := json.Unmarshal(content, &object); err != nil {
			return nil, problem.New(http.StatusBadRequest, "the body is not an object")
		}
	}
	switch {
	case len(strict) > 0: // a key comes twice
		return nil, problem.New(http.StatusBadRequest, "the body cannot be read: "+firstLine(strict[0].Error()))
	case object == nil:
		return nil, problem.New(http.StatusBadRequest, "the body is not an object")
	}
	return object, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line[:min(len(line), 400)]
}

// read reads an object for the namespace and the name of the path, if they are in it. What
// the body leaves out of these is filled in; what it says otherwise is a fault.
func (k kind) read(r *http.Request) (*unstructured.Unstructured, error) {
	object, err := readObject(r)
	if err != nil {
		return nil, err
	}
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		if object["metadata"] != nil {
			return nil, problem.Invalid("metadata", "has to be an object")
		}
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	for _, said := range []struct {
		in         map[string]any
		key, field string
		want       string
	}{
		{object, "apiVersion", "apiVersion", v1.GroupVersion().String()},
		{object, "kind", "kind", k.name},
		{metadata, "namespace", "metadata.namespace", mux.Vars(r)["namespace"]},
		{metadata, "name", "metadata.name", mux.Vars(r)["name"]},
	} {
		if said.want == "" {
			continue
		}
		if got := said.in[said.key]; got != nil && got != any(said.want) {
			return nil, problem.Invalid(said.field, "has to be "+said.want+", as the path says, or absent")
		}
		said.in[said.key] = said.want
	}
	// Kubernetes keeps these, and no client has a say in them.
	for _, key := range []string{"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"} {
		delete(metadata, key)
	}
	delete(object, "status")
	return &unstructured.Unstructured{Object: object}, nil
}

// readJSON reads a body of one of this API's own types. What the type does not have is a
// fault.
func readJSON(r *http.Request, into any) error {
	text, err := readBody(r)
	if err != nil {
		return err
	}
	strict, err := kjson.UnmarshalStrict(text, into)
	if err != nil {
		return problem.New(http.StatusBadRequest, "the body cannot be read: "+firstLine(err.Error()))
	}
	if len(strict) > 0 {
		return problem.New(http.StatusBadRequest, "the body cannot be read: "+firstLine(strict[0].Error()))
	}
	return nil
}
