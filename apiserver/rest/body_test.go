package rest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/dudaji/nufi/apiserver/problem"
)

// encodeUTF16 encodes text as UTF-16, little endian, with or without a byte order mark.
func encodeUTF16(text string, mark bool) string {
	var out strings.Builder
	if mark {
		text = "\ufeff" + text
	}
	for _, unit := range utf16.Encode([]rune(text)) {
		out.WriteByte(byte(unit))
		out.WriteByte(byte(unit >> 8))
	}
	return out.String()
}

func TestReadObject(t *testing.T) {
	t.Parallel()
	const detail = "the body cannot be parsed: "
	for name, c := range map[string]struct{ media, body, want string }{
		"JSON":                          {MediaJSON, `{"a": "\ud83d\ude00\/"}`, ""},
		"JSON as YAML":                  {MediaYAML, `{"a": "\ud83d\ude00\/"}`, ""},
		"YAML":                          {MediaYAML, "a: 1", ""},
		"YAML between separators":       {MediaYAML, "---\na: 1\n---\n# nothing\n", ""},
		"YAML as JSON":                  {MediaJSON, "a: 1", detail + "invalid character 'a' looking for beginning of value"},
		"YAML without a media type":     {"", "a: 1", detail + "invalid character 'a' looking for beginning of value"},
		"YAML as a merge patch":         {MediaMergePatch, "a: 1", detail + "invalid character 'a' looking for beginning of value"},
		"two YAML documents":            {MediaYAML, "a: 1\n---\nb: 2\n", detail + "line 3: a second document, where a body is one object"},
		"two JSON documents as YAML":    {MediaYAML, "{\"a\": 1}\n---\n{\"b\": 2}\n", detail + "line 3: a second document, where a body is one object"},
		"a document after an end":       {MediaApplyPatch, "a: 1\n...\nb: 2\n", detail},
		"invalid text in a second one":  {MediaYAML, "a: 1\n---\n: :\n", detail},
		"two JSON values":               {MediaJSON, `{"a": 1} {"b": 2}`, detail + "invalid character '{' after top-level value"},
		"two JSON values as YAML":       {MediaYAML, `{"a": 1} {"b": 2}`, detail},
		"text after JSON":               {MediaMergePatch, `{"a": 1} more`, detail + "invalid character 'm' after top-level value"},
		"UTF-16 with a byte order mark": {MediaYAML, encodeUTF16("a: 1", true), "the body is not UTF-8 text"},
		"UTF-16":                        {MediaYAML, encodeUTF16(`{"a": 1}`, false), "the body is not UTF-8 text"},
		"text after a null character":   {MediaYAML, "a: 1\n\x00b: 2", "the body is not UTF-8 text"},
		"a list":                        {MediaJSON, "[1]", "the body is not an object"},
		"a YAML list":                   {MediaYAML, "- 1", detail + "it is not an object"},
		"null":                          {MediaJSON, "null", "the body is not an object"},
		"empty YAML":                    {MediaYAML, "", "the body is not an object"},
		"empty":                         {MediaJSON, "", detail + "unexpected end of JSON input"},
		"a duplicate key":               {MediaJSON, `{"a": 1, "a": 2}`, detail + `duplicate field "a"`},
		"a duplicate key in YAML":       {MediaYAML, "a: 1\na: 2", detail},
		"a number beyond 64 bits":       {MediaJSON, `{"a": {"b": [1, 99999999999999999999]}}`, "a.b[1]: 99999999999999999999 is too large for a number of 64 bits"},
		"a number beyond all floats":    {MediaJSON, `{"a": -1e400}`, "a: -1e400 is too large for a number of 64 bits"},
		"a number with an exponent":     {MediaYAML, `{"a": 1e3}`, ""},
		"another media type":            {"text/plain", "a: 1", "Content-Type must be one of "},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", strings.NewReader(c.body))
		if c.media != "" {
			r.Header.Set("Content-Type", c.media)
		}
		allowed := []string{MediaJSON, MediaYAML, MediaMergePatch, MediaApplyPatch}
		object, err := ReadObject(r, allowed...)
		switch {
		case c.want == "" && (err != nil || object["a"] == nil):
			t.Errorf("%s: %v, %v", name, object, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		checkClientError(t, err)
	}
}

func TestCompressedBodyIsNotParsed(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", strings.NewReader("{}"))
	r.Header.Set("Content-Encoding", "gzip")
	_, err := ReadObject(r, MediaJSON)
	if failure, ok := errors.AsType[*problem.Error](err); !ok || failure.Status != http.StatusUnsupportedMediaType || !strings.Contains(failure.Detail, "Content-Encoding") {
		t.Errorf("the error is %v", err)
	}
}

func TestReadJSONNamesTheFieldOfAnotherType(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"replicas": "2"}`:   "replicas: must be an integer of 32 bits, not string",
		`{"replicas": 1.5}`:   "replicas: must be an integer of 32 bits, not number 1.5",
		`{"replicas": 1e9}`:   "replicas: must be an integer of 32 bits, not number 1e9",
		`{"data": [1]}`:       "data: must be an object, not array",
		`{"name": {}}`:        "name: must be a string, not object",
		`{"force": 1}`:        "force: must be true or false, not number",
		`{"members": 1}`:      "members: must be a list, not number",
		`{"data": {"a": 1}}`:  "data: has a value that must be a string, not number",
		`{"data": {"a": {}}}`: "data: has a value that must be a string, not object",
		`{"members": [1]}`:    "members: has a value that must be a string, not number",
		`[]`:                  "the body cannot be parsed: ",
		`{"other": 1}`:        `the body cannot be parsed: unknown field "other"`,
	} {
		var into struct {
			Replicas *int32            `json:"replicas"`
			Data     map[string]string `json:"data"`
			Name     string            `json:"name"`
			Force    bool              `json:"force"`
			Members  []string          `json:"members"`
		}
		err := ReadJSON(httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", strings.NewReader(body)), &into)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
		checkClientError(t, err)
	}
}
