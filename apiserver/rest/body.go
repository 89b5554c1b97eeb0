package rest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	yamlv3 "go.yaml.in/yaml/v3"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/apiserver/openapi"
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
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return "", problem.New(http.StatusUnsupportedMediaType, "a body with Content-Encoding cannot be read: send it as it is")
	}
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

// checkBody rejects the body of a POST that has none: its parameters would be ignored.
func checkBody(r *http.Request, operation openapi.Operation) error {
	if r.Method != http.MethodPost || len(operation.Accepts) > 0 || r.Body == nil {
		return nil
	}
	if n, _ := io.ReadFull(r.Body, make([]byte, 1)); n > 0 {
		return problem.New(http.StatusBadRequest, "this request has no body: its parameters are in the query")
	}
	return nil
}

// ReadBody returns the whole body. A timeout here is the client's, and not that of a call
// to Kubernetes.
func ReadBody(r *http.Request) ([]byte, error) {
	text, err := io.ReadAll(r.Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil {
		return nil, problem.New(http.StatusRequestTimeout, "the body did not arrive completely and in time")
	}
	return text, nil
}

// ReadObject reads a body that is one object, as JSON or YAML by its media type, which must
// be one of allowed.
func ReadObject(r *http.Request, allowed ...string) (map[string]any, error) {
	media, err := MediaType(r, allowed...)
	if err != nil {
		return nil, err
	}
	text, err := ReadBody(r)
	if err != nil {
		return nil, err
	}
	return parseObject(text, media == MediaYAML || media == MediaApplyPatch)
}

func parseObject(text []byte, allowYAML bool) (map[string]any, error) {
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return nil, problem.New(http.StatusBadRequest, "the body is not UTF-8 text")
	}
	object := map[string]any{}
	// JSON is YAML, but YAML parsers do not read all of JSON's escapes.
	strict, err := kjson.UnmarshalStrict(text, &object)
	if err != nil && allowYAML {
		object, strict = nil, nil
		err = unmarshalYAML(text, &object)
	}
	switch {
	case err != nil && !json.Valid(text):
		return nil, unreadable(err)
	case len(strict) > 0: // a duplicate key
		return nil, unreadable(strict[0])
	}
	if err := checkNumbers(text, err != nil || hasLargeNumber(object)); err != nil {
		return nil, err
	}
	if err != nil || object == nil {
		return nil, problem.New(http.StatusBadRequest, "the body is not an object")
	}
	return object, nil
}

// hasLargeNumber reports whether a value has a number beyond 64 bits.
func hasLargeNumber(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for _, field := range value {
			if hasLargeNumber(field) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, hasLargeNumber)
	case float64:
		return math.Abs(value) > math.MaxInt64
	}
	return false
}

// checkNumbers reports the first number of a JSON text that is beyond 64 bits, if there may be one. It
// keeps the digits.
func checkNumbers(text []byte, isSuspected bool) error {
	if !isSuspected || !json.Valid(text) { // YAML
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return err
	}
	var found *problem.Error
	var check func(path string, value any)
	check = func(path string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(value)) {
				check(strings.TrimPrefix(path+"."+name, "."), value[name])
			}
		case []any:
			for i, element := range value {
				check(fmt.Sprintf("%s[%d]", path, i), element)
			}
		case json.Number:
			if found == nil && isLarge(value) {
				found = problem.Invalid(path, fmt.Sprintf("%s is too large for a number of 64 bits: write a smaller number, or %[1]q if it is a text", value))
			}
		}
	}
	check("", value)
	if found == nil {
		return nil
	}
	return found
}

func isLarge(number json.Number) bool {
	value, err := number.Float64()
	return err != nil || math.Abs(value) > math.MaxInt64
}

// unmarshalYAML reads the only document of text that is not empty.
func unmarshalYAML(text []byte, object *map[string]any) error {
	documents := yamlv3.NewDecoder(bytes.NewReader(text))
	for first := true; ; {
		var document yamlv3.Node
		err := documents.Decode(&document)
		switch {
		case errors.Is(err, io.EOF):
			content, err := yaml.YAMLToJSONStrict(text)
			if err != nil {
				return err
			}
			if _, err := kjson.UnmarshalStrict(content, object); err != nil {
				return errors.New("it is not an object")
			}
			return nil
		case err != nil:
			return err
		case len(document.Content) == 1 && document.Content[0].Tag == "!!null":
			continue // between separators
		case !first:
			return fmt.Errorf("line %d: a second document, where a body is one object", document.Content[0].Line)
		}
		first = false
	}
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
	mistyped, isMistyped := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case isMistyped && mistyped.Field != "":
		message := "must be " + typeName(mistyped.Type) + ", not " + mistyped.Value
		if isAboutValue(into, mistyped) {
			message = "has a value that " + message
		}
		return problem.Invalid(mistyped.Field, message)
	case err != nil:
		return unreadable(err)
	case len(strict) > 0:
		return unreadable(strict[0])
	}
	return nil
}

// isAboutValue reports whether an error is about a value of a map or list, which it names instead.
func isAboutValue(body any, mistyped *json.UnmarshalTypeError) bool {
	return slices.ContainsFunc(reflect.VisibleFields(reflect.TypeOf(body).Elem()), func(field reflect.StructField) bool {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		kind := field.Type.Kind()
		return name == mistyped.Field && (kind == reflect.Map || kind == reflect.Slice) && field.Type != mistyped.Type
	})
}

// typeName returns the name of a Go type as users of JSON know it.
func typeName(t reflect.Type) string {
	names := map[reflect.Kind]string{
		reflect.String: "a string", reflect.Bool: "true or false", reflect.Map: "an object", reflect.Struct: "an object",
		reflect.Slice: "a list", reflect.Int32: "an integer of 32 bits",
	}
	return cmp.Or(names[t.Kind()], "a number")
}

func unreadable(err error) error {
	return problem.New(http.StatusBadRequest, "the body cannot be parsed: "+FirstLine(err.Error()))
}
