package render_test

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

const megabyte = 1 << 20

func TestSpecOfAMegabyteIsRejectedInOneLine(t *testing.T) {
	for name, spec := range map[string]string{
		"model":         "spec: {model: a" + strings.Repeat("a", megabyte) + "}",
		"unknown field": "spec: {model: a, other: a" + strings.Repeat("a", megabyte) + "}",
		"variable":      "spec: {model: a, inferenceServer: {env: [{name: A, value: a" + strings.Repeat("a", megabyte) + "}]}}",
		"list":          "spec: {model: a, inferenceServer: {args: [" + strings.Repeat("a, ", megabyte/4) + "a]}}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document := "apiVersion: dudaji.com/v1\nkind: NpuDeploy\nmetadata: {name: a}\n" + spec
			_, err := compiled(t).RenderYAML(inputName, []byte(document), render.ProjectSettings{})
			checkOneLine(t, err)
		})
	}
}

func TestLargeObjectIsRejectedInOneLine(t *testing.T) {
	deploy := typed(t, []byte("metadata: {name: a}\nspec: {model: a, accelerator: {type: atom}}"))
	sources := make([]corev1.VolumeProjection, 20000)
	for i := range sources {
		sources[i].ConfigMap = &corev1.ConfigMapProjection{}
	}
	projected := corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources}}
	deploy.Spec.InferenceServer = &v1.InferenceServer{Volumes: []corev1.Volume{{Name: "a", VolumeSource: projected}}}
	_, err := compiled(t).Render(deploy, render.ProjectSettings{})
	checkOneLine(t, err)
}

func checkOneLine(t *testing.T, err error) {
	t.Helper()
	var invalid *render.Error
	if !errors.As(err, &invalid) || len(invalid.Violations) != 1 {
		t.Fatalf("%T: %.200v", err, err)
	}
	violation := invalid.Violations[0]
	if violation.Path != "spec" || strings.ContainsRune(violation.Message, '\n') || len(violation.Message) > 200 {
		t.Errorf("%.200s: %.200s", violation.Path, violation.Message)
	}
}
