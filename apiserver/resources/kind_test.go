package resources_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/dudaji/nufi/apiserver/npudeploys"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
)

// aliasBomb is a few lines of YAML that expand to 9^10 values.
func aliasBomb() string {
	var text strings.Builder
	text.WriteString("a: &a 1\n")
	for next := 'b'; next < 'l'; next++ {
		fmt.Fprintf(&text, "%c: &%c [%s]\n", next, next, strings.Repeat(fmt.Sprintf("*%c, ", next-1), 9))
	}
	return text.String()
}

func FuzzReadReturnsTheObjectOfThePathOrAClientError(f *testing.F) {
	for _, seed := range []string{
		`{"metadata": {"name": "a"}, "spec": {"model": "a/b"}}`,
		`{"spec": {"description": "\ud83d\ude00 a\/b"}}`, `{"a": 1, "a": 2}`, "spec: {model: a/b}", "metadata: {name: {a: b}}", `{"kind": []}`, "[1]", "null", "", "{", "a: b: c",
		"metadata: {name: a, name: b}", "? [a]\n: b", "- a\n- b", "!!binary aGk=", "a: !!float .nan", "{\"a\": 1e999}",
		"metadata: {managedFields: [1], uid: x, resourceVersion: '7'}\nstatus: 7", strings.Repeat("[", 20000), aliasBomb(), "\x00\xff\ufeff{}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", strings.NewReader(body))
		r = mux.SetURLVars(r, map[string]string{"namespace": "here", "name": "a"})
		deploy, err := npudeploys.Kind().Read(r, rest.MediaYAML)
		if err != nil {
			var response *problem.Error
			if !errors.As(err, &response) || response.Status < 400 || response.Status > 499 || response.Detail == "" {
				t.Errorf("the error is not the client's: %v", err)
			}
			return
		}
		if deploy.GetNamespace() != "here" || deploy.GetName() != "a" || deploy.GetKind() != "NpuDeploy" || deploy.GetAPIVersion() != "dudaji.com/v1" {
			t.Errorf("%q is not the object of the path: %v", body, deploy)
		}
		if deploy.GetResourceVersion() != "" || deploy.GetUID() != "" || deploy.GetManagedFields() != nil || deploy.Object["status"] != nil {
			t.Errorf("%q sets fields that are Kubernetes' own: %v", body, deploy)
		}
	})
}
