package render_test

import (
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestExportIsThatOfCUE(t *testing.T) {
	context := cuecontext.New()
	for name, source := range map[string]string{
		"kinds":          `{text: "a\n<\u2028>", yes: true, no: false, none: null, bytes: '\xff', map: {}, list: []}`,
		"numbers":        `[0, -1, 0x10, 10Gi, 9223372036854775807, 9223372036854775808, 1.50, 1e3, 1.5 * 2, number & 3]`,
		"fields":         `{a: 1, _hidden: 2, #Definition: 3, optional?: 4, let x = 5, "\(a)": x, "_quoted": 6, "#quoted": 7, a: int}`,
		"defaults":       `{a: *1 | int, b: {x: 1} | *{y: 2}, c: [...int], d: *[1, 2] | [...int], e: b & {z: 3}}`,
		"references":     `{a: {b: c: 1}, d: a, e: a.b & {f: d.b}, g: [a, a.b], h: g[0], i: [for x, y in a {(x): y}]}`,
		"conditions":     `{a: 1, if a == 1 {b: 2}, if a == 2 {c: 3}, d: [if a == 1 {e: 4}, if a == 2 {5}]}`,
		"a list in a {}": `{[1, {a: 2}], #length: 2}`,
		"an open field":  `{a: b: string}`,
		"a required":     `{a: b!: int}`,
		"a conflict":     `{a: b: 1 & 2}`,
	} {
		t.Run(name, func(t *testing.T) { checkExport(t, context.CompileString(source)) })
	}
}

func TestExportOfFixturesIsThatOfCUE(t *testing.T) {
	ofEachFixture(t, "valid/*.yaml", func(t *testing.T, kind kind, file string) {
		t.Helper()
		document := read(t, file)
		manifests, err := kind.render(templatesOf(t, document), document)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"objects", "resolved"} {
			checkExport(t, manifests.Value().LookupPath(cue.ParsePath(field)))
		}
	})
}

func checkExport(t *testing.T, value cue.Value) {
	t.Helper()
	want, wantErr := render.ExportJSON(value)
	got, err := render.Export(value)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%v, of CUE %v", err, wantErr)
	}
	if diff := cmp.Diff(want, got); err == nil && diff != "" {
		t.Errorf("(-CUE +export):\n%s", diff)
	}
}

// Templates that were edited may require a value that they do not have.
func TestRequiredFieldWithoutAValueIsAnError(t *testing.T) {
	t.Parallel()
	set, err := render.Compile(edited(t, "schemas/workload/resolved.cue", func(content string) string { return content + "resolved: endpoint: port!: int\n" }))
	if err != nil {
		t.Fatal(err)
	}
	deploy := typed(t, []byte(minimalSpec))
	deploy.Spec.Endpoint = &v1.Endpoint{Host: "llama.nufi.me"}
	if _, err := set.Render(deploy, render.ProjectSettings{}); err == nil || !strings.Contains(err.Error(), "resolved.endpoint.port") {
		t.Errorf("the error is %v", err)
	}
}
