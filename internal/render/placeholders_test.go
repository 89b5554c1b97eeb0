package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// A render of a file has no placeholders.
func TestTextsInTheFormOfPlaceholdersStay(t *testing.T) {
	t.Parallel()
	document := []byte(`apiVersion: dudaji.com/v1
kind: NpuDeploy
metadata: {name: user-key-0, namespace: user-key-1}
spec:
  model: user-key-2
  accelerator: {type: atom}
  endpoint: {host: user-key-3}
  podMetadata:
    labels: {team: user-key-4, user-key-0: user-key-1, example.com/team: a, placeholder.invalid/user-key-2: b}
    annotations: {note: placeholder.invalid/user-key-5, user-key-6: a}
  inferenceServer:
    args: [--served-model-name, user-key-0, placeholder.invalid/user-key-7]
    env: [{name: user-key-8, value: user-key-9}]
    nodeSelector: {zone: user-key-10}
`)
	settings := render.ProjectSettings{DefaultPriorityClass: "user-key-11"}
	fromFile, err := compiled(t).RenderYAML(inputName, document, settings)
	want := renderedAs(t, fromFile, err)
	deploy := typed(t, document)
	got, err := compiled(t).Render(deploy, settings)
	if diff := cmp.Diff(want, renderedAs(t, got, err)); diff != "" {
		t.Errorf("(-file +API server):\n%s", diff)
	}
	compareShared(t, compiled(t), deploy, settings, "user-key-0", "user-key-1", "user-key-20", "a")
}

// Messages quote values beside keys.
func TestMessageKeepsATextInTheFormOfAPlaceholder(t *testing.T) {
	t.Parallel()
	deploy := typed(t, []byte(minimalSpec))
	deploy.Spec.InferenceServer = &v1.InferenceServer{Dialect: "user-key-0"}
	deploy.Spec.PodMetadata = &v1.PodMetadata{Labels: map[string]v1.LabelValue{"team": "a"}}
	if _, err := compiled(t).Render(deploy, render.ProjectSettings{}); err == nil || !strings.Contains(err.Error(), deploy.Spec.InferenceServer.Dialect) {
		t.Errorf("the error is %v", err)
	}
}
