package rest

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/json"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/apiserver/problem"
)

// The media types of bodies.
const (
	MediaJSON       = "application/json"
	MediaYAML       = "application/yaml"
	MediaMergePatch = "application/merge-patch+json"
	MediaApplyPatch = "application/apply-patch+yaml"
)

// MediaType returns the media type of the request's body, which must be one of allowed.
// The first is the default.
func MediaType(r *http.Request, allowed ...string) (string, error) {
	text := r.Header.Get("Content-Type")
	if text == "" {
		return allowed[0], nil
	}
	media, _, err := mime.ParseMediaType(text)
	if err != nil || !slices.Contains(allowed, media) {
		return "", problem.New(http.StatusUnsupportedMediaType, "Content-Type must be one of "+strings.Join(allowed, ", "))
	}
	return media, nil
}

// ReadBody returns the whole body. A timeout here is the client's, and not that of a call
// to Kubernetes.
func ReadBody(r *http.Request) ([]byte, error) {
	text, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, tooLarge
	case err != nil:
		return nil, problem.New(http.StatusRequestTimeout, "the body did not arrive completely and in time")
	}
	return text, nil
}

// ReadObject reads a body that is one JSON or YAML object.
func ReadObject(r *http.Request) (map[string]any, error) {
	text, err := ReadBody(r)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	// JSON is YAML, but YAML parsers do not read all of JSON's escapes.
	strict, err := kjson.UnmarshalStrict(text, &object)
	if err != nil {
		content, err := yaml.YAMLToJSONStrict(text)
		if err != nil {
			return nil, problem.New(http.StatusBadRequest, "the body is neither JSON nor YAML: "+FirstLine(err.Error()))
		}
		object, strict = nil, nil
		if err := json.Unmarshal(content, &object); err != nil {
			return nil, problem.New(http.StatusBadRequest, "the body is not an object")
		}
	}
	switch {
	case len(strict) > 0: // a duplicate key
		return nil, unreadable(strict[0])
	case object == nil:
		return nil, problem.New(http.StatusBadRequest, "the body is not an object")
	}
	return object, nil
}

// ReadJSON reads a body of one of this API's own types, and rejects unknown fields.
func ReadJSON(r *http.Request, into any) error {
	if _, err := MediaType(r, MediaJSON); err != nil {
		return err
	}
	text, err := ReadBody(r)
	if err != nil {
		return err
	}
	strict, err := kjson.UnmarshalStrict(text, into)
	switch {
	case err != nil:
		return unreadable(err)
	case len(strict) > 0:
		return unreadable(strict[0])
	}
	return nil
}

func unreadable(err error) error {
	return problem.New(http.StatusBadRequest, "the body cannot be parsed: "+FirstLine(err.Error()))
}
