package render_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/test/harness/rendertest"
)

func TestInvalidTemplatesAreReportedWithFileAndLine(t *testing.T) {
	t.Parallel()
	var names []string
	for _, accelerator := range rendertest.Compile(t, nufi.Module()).Catalogue.Accelerators {
		names = append(names, accelerator.Name)
	}
	slices.Sort(names)
	types := strings.Join(names, ", ")
	for name, c := range map[string]struct {
		edits [][2]string
		want  []string
	}{
		"two values": {
			[][2]string{{"graceSeconds: 120", `graceSeconds: "120"`}, {"historyLimit: 3", "historyLimit: {}"}},
			[]string{
				"schemas/policy/policy.cue: checked.rollout.historyLimit: conflicting values {} and int (mismatched types struct and int)",
				`schemas/policy/policy.cue: checked.shutdown.graceSeconds: conflicting values "120" and int (mismatched types string and int)`,
			},
		},
		"a registry without a slash": {
			[][2]string{{"registries: []", `registries: ["registry.example.com"]`}},
			[]string{"schemas/policy/policy.cue: checked.allowed.registries.0: must end with a slash"},
		},
		"a value out of bounds": {
			[][2]string{{"graceSeconds: 120", "graceSeconds: 1"}},
			[]string{"schemas/policy/policy.cue: checked.shutdown.graceSeconds: invalid value 1 (out of bound >=5)"},
		},
		"a missing value": {
			[][2]string{{", graceSeconds: 120", ""}},
			[]string{"schemas/policy/policy.cue: checked.shutdown.graceSeconds: field is required but not present"},
		},
		"none of several values": {
			[][2]string{{`serviceAccount: "Own"`, `serviceAccount: "Other"`}},
			[]string{`schemas/policy/policy.cue: checked.serviceAccount: must be one of "NamespaceDefault", "Own", not "Other"`},
		},
		"a rule of the schema": {
			[][2]string{{`enforce: "privileged"`, `enforce: "baseline"`}},
			[]string{"schemas/policy/policy.cue: checked.project.podSecurity.enforce: must be privileged while modelCache.kind is HostPath: the other levels refuse such pods"},
		},
		"a server older than the facts": {
			[][2]string{{"vllm-rbln:v0.11.0", "vllm-rbln:v0.9.2"}},
			[]string{"schemas/policy/policy.cue: checked.images.atom: registry.example.com/rebellions/vllm-rbln:v0.9.2 is older than v0.10.2, from which the facts about atom hold"},
		},
		"names that Kubernetes rejects": {
			[][2]string{{`"istio-system/nufi-gateway"`, `"Istio/nufi-gateway"`}, {`"nufi.me"`, `"NuFi.me"`}},
			[]string{
				"schemas/policy/policy.cue: checked.endpoint.domain: must be a lower-case DNS name",
				"schemas/policy/policy.cue: checked.endpoint.gateways.VirtualService: must be a name, or namespace/name, in lower case",
			},
		},
		"labels that Kubernetes rejects": {
			[][2]string{{"\tlabels: {}", "\tlabels: {\"cost center\": \"a\", team: \"a b\", \"a..b/c\": \"d\"}"}},
			[]string{
				"schemas/policy/policy.cue: checked.labels.team: must be a label value: letters, digits, - _ and . inside, at most 63",
				`schemas/policy/policy.cue: checked.labels."cost center": must be a key such as team or example.com/team`,
				`schemas/policy/policy.cue: checked.labels."a..b/c": must be a key such as team or example.com/team`,
			},
		},
		"an annotation that Kubernetes rejects": {
			[][2]string{{"\tannotations: {}", "\tannotations: {\"cost center\": \"a b\"}"}},
			[]string{`schemas/policy/policy.cue: checked.annotations."cost center": must be a key such as team or example.com/team`},
		},
		"an annotation of a route that Kubernetes rejects": {
			[][2]string{{"HTTPRoute: {}", "HTTPRoute: {\"cost center\": \"a\"}"}},
			[]string{`schemas/policy/policy.cue: checked.endpoint.annotations.HTTPRoute."cost center": must be a key such as team or example.com/team`},
		},
		"requests without a unit that Kubernetes knows": {
			[][2]string{{`memory: "1Gi"`, `memory: "1GB"`}},
			[]string{"schemas/policy/policy.cue: checked.project.containerRequests.memory: must be a quantity such as 500m or 1Gi"},
		},
		"an image without a tag after its colon": {
			[][2]string{{`vllm-rbln:v0.11.0"`, `vllm-rbln:"`}},
			[]string{"schemas/policy/policy.cue: checked.images.atom: must be an image reference such as vllm/vllm-openai:v0.11.0"},
		},
		"a class of an Ingress with a namespace": {
			[][2]string{{`"nginx"`, `"ingress/nginx"`}},
			[]string{"schemas/policy/policy.cue: checked.endpoint.gateways.Ingress: must be a lower-case DNS name"},
		},
		"a rollout without progress": {
			[][2]string{{"accelerated: {maxSurge: 0, maxUnavailable: 1}", "accelerated: {maxSurge: 0, maxUnavailable: 0}"}},
			[]string{"schemas/policy/schema.cue: checkedRollout.allProjects.accelerated: maxSurge and maxUnavailable must not both be 0"},
		},
		"the port of the proxy before the server": {
			[][2]string{{"serverPort: 8200", "serverPort: 8000"}},
			[]string{"schemas/policy/policy.cue: checkedPicker.proxy.serverPort: 8000 is server.port, where the routing proxy is: use another port"},
		},
		"the port of a transfer": {
			[][2]string{{"serverPort: 8200", "serverPort: 5601"}},
			[]string{"schemas/policy/policy.cue: checkedPicker.proxy.serverPort: 5601 is where a server gives its KV cache to others: use another port"},
		},
		"an accelerator that is not described": {
			[][2]string{{"\t\tatom:  ", "\t\tatomm: "}, {"devices: {}", `devices: {rebell: {}}`}, {"rayImages: {}", `rayImages: {nvida: "a/b:1"}`}},
			[]string{
				"schemas/policy/policy.cue: checked.images.atomm: is not described: use one of " + types + ", other, none",
				"schemas/policy/policy.cue: checked.devices.rebell: is not described: use one of " + types,
				"schemas/policy/policy.cue: checked.nodes.rayImages.nvida: is not described: use one of " + types,
			},
		},
		"an invalid name of a resource": {
			[][2]string{{"devices: {}", `devices: atom: resource: "rebellions.ai/a b"`}},
			[]string{"schemas/policy/policy.cue: checked.devices.atom.resource: must be a resource such as vendor.example/device"},
		},
		"invalid directories": {
			[][2]string{{`"/mnt/data/model-cache"`, `""`}, {`"/models"`, `"models"`}, {`["/mnt/data"]`, `["/a", "/mnt/../etc"]`}},
			[]string{
				"schemas/policy/policy.cue: checked.modelCache.hostPath: must be an absolute path such as /mnt/data, without .. and without a slash at its end",
				"schemas/policy/policy.cue: checked.modelCache.mountPath: must be an absolute path such as /models, without .. and without a slash at its end, and not /dev/shm",
				"schemas/policy/policy.cue: checked.allowed.hostPaths.1: must be an absolute path such as /mnt/data, without .. and without a slash at its end",
			},
		},
		"a cache on shared memory": {
			[][2]string{{`"/models"`, `"/dev/shm"`}},
			[]string{"schemas/policy/policy.cue: checked.modelCache.mountPath: must be an absolute path such as /models, without .. and without a slash at its end, and not /dev/shm"},
		},
		"a server that is not described": {
			[][2]string{{`dialect: "vllm"`, `dialect: "vlm"`}, {`path:              ""`, `path: "health"`}},
			[]string{
				"schemas/policy/policy.cue: checked.server.dialect: is not described: use one of furiosa-llm, ollama, sglang, tgi, triton, vllm, vllm-rbln",
				"schemas/policy/policy.cue: checked.probes.path: must be a path such as /health",
			},
		},
		"variables that a container would have twice": {
			[][2]string{{"\t\tenv: []", `		env: [{name: "A", value: ""}, {name: "A", value: ""}, {name: "HF_HOME", value: ""}, {name: "VLLM_RBLN_TP_SIZE", value: ""}]`}},
			[]string{
				"schemas/policy/schema.cue: checkedVariables.server.env.1.name: A is set twice",
				"schemas/policy/schema.cue: checkedVariables.server.env.3.name: VLLM_RBLN_TP_SIZE is also set by server.env, or by facts about an accelerator or a server: remove one of them",
				"schemas/policy/schema.cue: checkedVariables.modelCache.env.0.name: HF_HOME is also set by server.env, or by facts about an accelerator or a server: remove one of them",
			},
		},
		"security contexts that Kubernetes rejects": {
			[][2]string{{`type: "RuntimeDefault"`, `type: "Runtime"`}, {"allowPrivilegeEscalation", "allowPrivilegeEscalaton"}},
			[]string{
				"schemas/policy/policy.cue: checkedSecurity.inferenceServer.podSecurityContext.seccompProfile.type: must be one of Localhost, RuntimeDefault, Unconfined",
				"schemas/policy/policy.cue: checkedSecurity.inferenceServer.securityContext.allowPrivilegeEscalaton: field not allowed",
			},
		},
		"a field beside policy": {
			[][2]string{{"package policy\n", "package policy\n\nprojects: research: allowed: hostPaths: []\n"}},
			[]string{"schemas/policy/policy.cue: projects: is no field of this package: write policy: before it, or begin the name of a value that other fields use with an underscore"},
		},
		"invalid CUE": {[][2]string{{"policy: {", "policy: {{"}}, []string{"schemas/policy/policy.cue: expected '}', found 'EOF'"}},
	} {
		module := nufi.Module()
		for _, edit := range c.edits {
			module = rendertest.Edit(t, module, policyFile, func(_, content string) string { return strings.Replace(content, edit[0], edit[1], 1) })
		}
		_, err := render.Compile(module)
		var invalid *render.TemplateError
		if !errors.As(err, &invalid) {
			t.Fatalf("%s: the error is %v", name, err)
		}
		var got []string
		for _, violation := range invalid.Violations {
			got = append(got, violation.Position.Filename+": "+violation.Message)
			if violation.Position.Line < 2 {
				t.Errorf("%s: %s is on line %d", name, violation.Message, violation.Position.Line)
			}
		}
		if delta := cmp.Diff(c.want, got); delta != "" {
			t.Errorf("%s (-want +got):\n%s", name, delta)
		}
	}
}

// CUE leaves files out without an error: a policy in them would have no effect.
func TestFilesWithoutEffectAreViolations(t *testing.T) {
	t.Parallel()
	module := edited(t, "cue.mod/module.cue", func(content string) string { return content }).(fstest.MapFS)
	for name, content := range map[string]string{
		"schemas/policy/plain.cue":     "policy: labels: team: \"a\"\n",
		"schemas/policy/spelling.cue":  "package polcy\n",
		"schemas/policy/condition.cue": "@if(prod)\n\npackage policy\n",
		"schemas/workload/plain.cue":   "objects: {}\n",
		// Names that CUE reserves for files that are no part of a package.
		"schemas/policy/policy_test.cue": "package policy\n",
		"schemas/policy/deploy_tool.cue": "package policy\n",
		"schemas/policy/_draft.cue":      "policy: {}\n",
		// Files that say so.
		"schemas/policy/later.cue": "@ignore()\n\npackage policy\n",
		"schemas/policy/notes.cue": "@ignore()\n\npolicy: {}\n",
		// Packages in the folder of another one, in a folder below, and in one above, which belongs to none of them.
		"schemas/policy/teams.cue":       "package teams\n\nlabels: team: \"a\"\n",
		"schemas/policy/sites/sites.cue": "package sites\n\nlabels: site: \"b\"\n",
		"schemas/policy/sites/other.cue": "package other\n",
		"schemas/policy/of_packages.cue": "package policy\n\nimport (\n\t\"dudaji.com/nufi/schemas/policy/sites\"\n\t\"dudaji.com/nufi/schemas/policy:teams\"\n)\n\n_teams: [sites.labels, teams.labels]\n",
		"tools.cue":                      "package tools\n",
	} {
		module[name] = &fstest.MapFile{Data: []byte(content)}
	}
	var got []string
	for _, violation := range rendertest.Compile(t, module).Ignored {
		got = append(got, violation.Located())
	}
	slices.Sort(got)
	want := []string{
		"schemas/policy/condition.cue:1: the file has no effect: @if(prod) did not match",
		"schemas/policy/plain.cue:1: the file has no effect: no package name",
		"schemas/policy/sites/other.cue:1: the file has no effect: package is other, want sites",
		"schemas/policy/spelling.cue:1: the file has no effect: package is polcy, want policy",
		"schemas/workload/plain.cue:1: the file has no effect: no package name",
	}
	if delta := cmp.Diff(want, got); delta != "" {
		t.Errorf("(-want +got):\n%s", delta)
	}
}

func TestIncompleteObjectIsAnErrorOfTheTemplates(t *testing.T) {
	t.Parallel()
	for field, line := range map[string]string{
		"apiVersion": `apiVersion: "apps/v1"`, "kind": `kind:       "Deployment"`, "metadata": "if !_given.modelSize {metadata: _metadata}",
	} {
		set := rendertest.Compile(t, edited(t, "schemas/workload/deployment.cue", func(content string) string { return strings.Replace(content, line, "", 1) }))
		_, err := set.Render(typed(t, []byte(minimalSpec)), render.ProjectSettings{})
		if want := "rendering: objects.deployment has no " + field; err == nil || err.Error() != want {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}

// Candidates are untrusted.
func TestCompileReadsNoFileOutsideTheModule(t *testing.T) {
	t.Parallel()
	host := t.TempDir()
	for name, content := range map[string]string{
		"secret.json":        `"a secret"`,
		"other.cue":          "package other\n\nfield: \"a secret\"\n",
		"cue.mod/module.cue": "module: \"example.com/other@v0\"\nlanguage: version: \"v0.17.0\"\n",
	} {
		file := filepath.Join(host, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	up := strings.Repeat("../", 20)
	for name, add := range map[string]map[string]string{
		"a file":           embedding(host + "/secret.json"),
		"a file by dots":   embedding(up + host[1:] + "/secret.json"),
		"a module":         replacing(host),
		"a module by dots": replacing("./" + up + host[1:]),
	} {
		module := edited(t, "cue.mod/module.cue", func(content string) string { return content + add["cue.mod/module.cue"] }).(fstest.MapFS)
		delete(add, "cue.mod/module.cue")
		for file, content := range add {
			module[file] = &fstest.MapFile{Data: []byte(content)}
		}
		if _, err := render.Compile(module); err == nil {
			t.Errorf("%s of this machine was read", name)
		}
	}
}

func embedding(file string) map[string]string {
	return map[string]string{
		"schemas/policy/x.cue": fmt.Sprintf("@extern(embed)\n\npackage policy\n\npolicy: labels: \"example.com/read\": _ @embed(file=%q)\n", file),
	}
}

func replacing(dir string) map[string]string {
	return map[string]string{
		"cue.mod/module.cue":       `deps: "example.com/other@v0": v: "v0.1.0"` + "\n",
		"cue.mod/local-module.cue": fmt.Sprintf("deps: \"example.com/other@v0\": replaceWith: %q\n", dir),
		"schemas/policy/x.cue":     "package policy\n\nimport \"example.com/other\"\n\npolicy: labels: \"example.com/read\": other.field\n",
	}
}
