package render_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

// openUses are those of the program's templates.
var openUses = sync.OnceValue(func() *render.OpenUses { return render.NewOpenUses(nufi.Module()) })

// decides is an error of the templates.
const decides = "a construct that may decide by a name or a host reads one: see CONTRIBUTING.md, What templates do with names and hosts"

// compareShared renders a spec under several names and hosts, twice each, by itself and shared.
func compareShared(t *testing.T, set *render.Templates, deploy *v1.NpuDeploy, settings render.ProjectSettings, names ...string) {
	t.Helper()
	for _, name := range append(names, names...) {
		named := deploy.DeepCopy()
		named.Name = name
		if endpoint := named.Spec.Endpoint; endpoint != nil && endpoint.Host != "" {
			endpoint.Host = strings.ToLower(name)
		}
		want, wantErr := set.Render(named, settings)
		got, err := set.RenderShared(named, settings)
		if diff := cmp.Diff(renderedAs(t, want, wantErr), renderedAs(t, got, err)); diff != "" {
			t.Errorf("%s (-Render +RenderShared):\n%s", name, diff)
		}
	}
}

func renderedAs(tb testing.TB, result *render.Result, err error) string {
	tb.Helper()
	if invalid := (*render.Error)(nil); err != nil && !errors.As(err, &invalid) {
		return err.Error()
	}
	return summary(tb, result, err)
}

func TestSharedRendersOfGoldensAreRight(t *testing.T) {
	for _, file := range append(glob(t, "testdata/*.txtar"), glob(t, "../../schemas/npudeploy/testdata/valid/*.yaml")...) {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			var spec []byte
			var settings render.ProjectSettings
			if strings.HasSuffix(file, ".txtar") {
				spec, settings = inputsOf(t, file)
			} else {
				spec = read(t, file)
			}
			deploy := typed(t, spec)
			set := templatesOf(t, spec)
			compareShared(t, set, deploy, settings, deploy.Name, "a", strings.Repeat("x", 52), strings.Repeat("x", 53))
			if openUses().Decide(set, deploy, settings) {
				t.Error(decides)
			}
		})
	}
}

// Specs have up to two fields of all that the API has, beside those of a base.
func TestSharedRendersOfRandomSpecsAreRight(t *testing.T) {
	t.Parallel()
	const specs = 200
	schema := newAPIServer(t, kinds()[0]).structural.Properties["spec"]
	fields := leaves(t, "spec", &schema, 4)
	slices.SortFunc(fields, func(a, b leaf) int { return strings.Compare(a.path, b.path) })
	random := rand.New(rand.NewPCG(1, 2))
	rendered := 0
	for range specs {
		spec := map[string]any{
			"model":       "org/name-7B",
			"accelerator": map[string]any{"type": []string{"atom", "rebel", "x330", "nvidia"}[random.IntN(4)], "count": int64(random.IntN(4) + 1)},
		}
		for range random.IntN(3) {
			field := fields[random.IntN(len(fields))]
			spec = set(spec, strings.Split(field.path, ".")[1:], field.value)
		}
		deploy := &v1.NpuDeploy{}
		deploy.Namespace = fmt.Sprint("ns-", random.IntN(9))
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(spec, &deploy.Spec); err != nil {
			continue // A random value of another type.
		}
		names := []string{"a", fmt.Sprint("name-", random.IntN(1000)), strings.Repeat("long-", 9) + "name"}
		compareShared(t, compiled(t), deploy, render.ProjectSettings{}, names...)
		if openUses().Decide(compiled(t), deploy, render.ProjectSettings{}) {
			t.Error(decides)
		}
		if deploy.Name = "a"; !t.Failed() {
			if _, err := compiled(t).Render(deploy, render.ProjectSettings{}); err == nil {
				rendered++
			}
		}
	}
	if rendered < specs/4 {
		t.Errorf("only %d of %d specs render", rendered, specs)
	}
}

// Contributors may do anything with a name or a host. Shared renders must be right, or the tests above must fail.
func TestSharedRendersAreRightWhateverTemplatesDo(t *testing.T) {
	const value = "objects: service: spec: externalName: "
	for title, templates := range map[string]string{
		"condition":             `if _values.name == "foo" {` + value + `"x"}`,
		"choice":                value + `[if _values.name == "foo" {"x"}, "y"][0]`,
		"length":                value + `"\(len(_values.name))"`,
		"function":              value + `strings.ToUpper(_values.name)`,
		"sum":                   value + `_values.name + "-x"`,
		"text twice":            value + `"\(_values.name)-\(_values.name)"`,
		"constant":              `objects: service: metadata: name: "foo"`,
		"constant text":         `objects: service: metadata: labels: "app.kubernetes.io/instance": "\(_values.name)" & "foo"`,
		"pattern of text":       value + `_values.name & =~"^foo"`,
		"one of two":            value + `_values.name & ("foo" | "one")`,
		"contract":              `deploy: metadata: name: =~"^[ot]"`,
		"contract of a spec":    `if deploy.spec.model != _|_ {deploy: metadata: name: !="two"}`,
		"test":                  value + `[if (_values.name & =~"^foo") != _|_ {"x"}, "y"][0]`,
		"test to the right":     value + `[if _|_ != (_values.name & =~"^foo") {"x"}, "y"][0]`,
		"test in parentheses":   value + `[if (_values.name & =~"^foo") != (_|_) {"x"}, "y"][0]`,
		"test of the name":      value + `[if _values.name != _|_ {"x"}, "y"][0]`,
		"test of a text":        `_probe: "\(_values.name)-x"` + "\n" + value + `[if _probe != _|_ {"x"}, "y"][0]`,
		"test of a field":       `_probe: {text: "\(_values.name)" & =~"^foo"}` + "\n" + value + `[if _probe.text != _|_ {"x"}, "y"][0]`,
		"test in let":           "let probe = \"\\(_values.name)\" & =~\"^foo\"\n" + value + `[if probe != _|_ {"x"}, "y"][0]`,
		"test in a loop":        value + `[for each in ["\(_values.name)" & =~"^foo"] if each != _|_ {"x"}, "y"][0]`,
		"test of an index":      `_probe: {foo: 1}` + "\n" + value + `[if _probe[_values.name] != _|_ {"x"}, "y"][0]`,
		"default":               `_probe: {text: *"y" | string, if _values.name == "foo" {text: "x"}}` + "\n" + value + `_probe.text`,
		"default in let":        "let probe = {text: *\"y\" | string, if _values.name == \"foo\" {text: \"x\"}}\n" + value + `probe.text`,
		"field of that name":    `_probe: {"\(_values.name)": 1, foo: 1}` + "\n" + value + `"\(len([for name, _ in _probe {name}]))"`,
		"pattern of fields":     `_probe: {[_values.name]: "x", foo: "y"}` + "\n" + value + `_probe.foo`,
		"list.Contains":         value + `[if list.Contains(["\(_values.name)"], "foo") {"x"}, "y"][0]`,
		"list.Contains of let":  "let probe = [_values.name]\n" + value + `[if list.Contains(probe, "foo") {"x"}, "y"][0]`,
		"unique items":          `_probe: [_values.name, "foo"] & list.UniqueItems` + "\n" + value + `_probe[1]`,
		"definition":            `#Probe: {name: string, text: [if (name & =~"^foo") != _|_ {"x"}, "y"][0]}` + "\n" + value + `(#Probe & {name: _values.name}).text`,
		"definition by a field": `#Probe: {name: string, text: [if (name & =~"^foo") != _|_ {"x"}, "y"][0]}` + "\n_probe: #Probe\n_probe: name: _values.name\n" + value + `_probe.text`,
		"embedded definition":   `#Probe: {name: string, text: [if (name & =~"^foo") != _|_ {"x"}, "y"][0]}` + "\n_probe: {#Probe, name: _values.name}\n" + value + `_probe.text`,
		"imported definition":   value + `(defaults.#Probe & {name: _values.name}).text`,
		"condition on the host": `if _values.endpoint.host == "foo" {` + value + `"x"}`,
		"test of the host":      value + `[if deploy.spec.endpoint.host != _|_ {"x"}, "y"][0]`,
		"contract of the host":  `if deploy.spec.model != _|_ {deploy: spec: endpoint?: host?: !="two"}`,
		"host and name":         value + `_values.name & _values.endpoint.host`,
		"both in a text":        value + `"\(_values.name)-\(_values.endpoint.host)-\(_values.name)"`,
		"alias":                 `_probe: X={name: _values.name, text: [if (X.name & =~"^foo") != _|_ {"x"}, "y"][0]}` + "\n" + value + `_probe.text`,
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			module := rendertest.Edit(t, nufi.Module(), "schemas/workload/values.cue", func(_, content string) string { return content + "\n" + templates + "\n" })
			module = rendertest.Edit(t, module, "schemas/defaults/defaults.cue", func(_, content string) string {
				return content + "\n" + `#Probe: {name: string, text: [if (name & =~"^foo") != _|_ {"x"}, "y"][0]}` + "\n"
			})
			if strings.Contains(templates, "defaults.") {
				module = rendertest.Edit(t, module, "schemas/workload/values.cue", func(_, content string) string { return content })
			}
			set := rendertest.Compile(t, module)
			set.ShareEdited()
			uses := render.NewOpenUses(module)
			for _, spec := range []string{minimalSpec, endpointSpec} {
				if deploy := typed(t, []byte(spec)); !uses.Decide(set, deploy, render.ProjectSettings{}) {
					compareShared(t, set, deploy, render.ProjectSettings{}, "one", "two", "foo", "foo-bar", "other")
				}
			}
		})
	}
}

func TestSharedRendersAreNotEvaluated(t *testing.T) {
	skipUnderRace(t)
	const renders, most = 50, 60_000 // bytes
	for _, c := range benchmarks {
		t.Run(c.name, func(t *testing.T) {
			set, deploy, i := compiled(t), typed(t, []byte(c.spec)), 0
			allocated := allocatedBy(renders, func() {
				i++
				deploy.Name = fmt.Sprint("name-", i)
				if _, err := set.RenderShared(deploy, c.settings); err != nil {
					t.Fatal(err)
				}
			})
			if perRender := allocated / renders; perRender > most {
				t.Errorf("a render allocates %d bytes, more than %d", perRender, most)
			}
		})
	}
}

func TestOnlyTemplatesOfTheProgramShareRenders(t *testing.T) {
	skipUnderRace(t)
	const renders, shared = 20, 100_000 // bytes
	rules := rendertest.Edit(t, nufi.Module(), "schemas/workload/service.cue", func(_, content string) string { return content + "\n" })
	for name, c := range map[string]struct {
		module fs.FS
		want   bool
	}{
		"another policy": {edited(t, policyFile, func(policy string) string {
			return strings.Replace(policy, "graceSeconds: 120", "graceSeconds: 240", 1)
		}), true},
		"another template":  {rules, false},
		"those of a folder": {os.DirFS("../.."), true},
	} {
		set, deploy, i := rendertest.Compile(t, c.module), typed(t, []byte(minimalSpec)), 0
		allocated := allocatedBy(renders, func() {
			i++
			deploy.Name = fmt.Sprint("name-", i)
			if _, err := set.RenderShared(deploy, render.ProjectSettings{}); err != nil {
				t.Fatal(err)
			}
		})
		if got := allocated/renders < shared; got != c.want {
			t.Errorf("%s: shared: %t, with %d bytes", name, got, allocated/renders)
		}
	}
}

func TestSharedRendersRetainNoUniqueSpecs(t *testing.T) {
	skipUnderRace(t)
	const renders = 3_000
	set := compiled(t)
	retained := retainedBy(renders, func(i int) {
		if _, err := set.RenderShared(newUniqueDeploy(t, i), render.ProjectSettings{}); err != nil {
			t.Fatal(err)
		}
	})
	if perRender := retained / renders; perRender > retainedPerRender {
		t.Errorf("a render retains %d bytes", perRender)
	}
}
