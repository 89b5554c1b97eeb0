package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/internal/message"
)

// checkQuery rejects unknown, repeated and empty parameters: a misspelled or empty dryRun
// must not write.
func checkQuery(r *http.Request, parameters []openapi.Parameter) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.New(http.StatusBadRequest, "the query cannot be parsed")
	}
	for name, values := range query {
		i := slices.IndexFunc(parameters, func(p openapi.Parameter) bool { return p.Name == name })
		switch {
		case i < 0:
			return problem.New(http.StatusBadRequest, "unknown query parameter "+Truncate(name))
		case len(values) > 1 && parameters[i].Schema["type"] != "array":
			return problem.New(http.StatusBadRequest, "the query parameter "+name+" is given more than once")
		case slices.Contains(values, "") && !parameters[i].AllowEmpty:
			return problem.New(http.StatusBadRequest, "the query parameter "+name+" is empty: give it a value, or leave it out")
		}
	}
	return nil
}

// Truncate shortens a client's text for a message.
func Truncate(text string) string { return message.Truncate(text, 64) }

// FirstLine returns the first line of an error's text, shortened for a message.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return message.Truncate(line, 400)
}

// DryRunParameter describes the parameter that DryRun reads.
func DryRunParameter() openapi.Parameter {
	return openapi.Parameter{Name: "dryRun", Doc: "All: check everything and write nothing", Schema: openapi.Enum(metav1.DryRunAll)}
}

// DryRun reports whether the request must not write.
func DryRun(r *http.Request) (bool, error) {
	query := r.URL.Query()
	switch {
	case !query.Has("dryRun"):
		return false, nil
	case query.Get("dryRun") == metav1.DryRunAll:
		return true, nil
	}
	return false, problem.New(http.StatusBadRequest, "dryRun must be All, or absent")
}

// ForceParameter describes the parameter that Force reads.
func ForceParameter() openapi.Parameter {
	return openapi.Parameter{Name: "force", Doc: "true: take over the fields that others own", Schema: openapi.Boolean()}
}

// Force reports whether to overwrite the fields of other managers.
func Force(r *http.Request) (bool, error) { return Bool(r, "force") }

// Bool reads a parameter that is true or false.
func Bool(r *http.Request, name string) (bool, error) {
	query := r.URL.Query()
	switch value := query.Get(name); {
	case !query.Has(name), value == "false":
		return false, nil
	case value == "true":
		return true, nil
	}
	return false, problem.New(http.StatusBadRequest, name+" must be true or false")
}

// ResourceVersionParameter describes the parameter that ResourceVersion reads.
func ResourceVersionParameter(doc string) openapi.Parameter {
	return openapi.Parameter{Name: "resourceVersion", Doc: doc}
}

// ResourceVersion reads the parameter resourceVersion, which is a number or an ETag that begins with it.
func ResourceVersion(r *http.Request) (string, error) {
	value := r.URL.Query().Get("resourceVersion")
	version, _, _ := strings.Cut(value, "-")
	if strings.Trim(version, "0123456789") != "" || version == "" && value != "" {
		return "", problem.New(http.StatusBadRequest, "resourceVersion must be that of a list or an object")
	}
	return version, nil
}
