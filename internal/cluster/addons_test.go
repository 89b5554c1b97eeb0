package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestParseAddons(t *testing.T) {
	t.Parallel()
	got, err := ParseAddons([]string{"lws", "lws"})
	if diff := cmp.Diff([]Addon{LWS}, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	_, err = ParseAddons([]string{"lws", "istio-2"})
	if want := `"istio-2" is no addon: use gateway-api, inference, istio, keda, kuberay, kueue, lws`; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

func TestModuleVersionOfAddon(t *testing.T) {
	t.Parallel()
	for name, mod := range map[string]string{
		"one requirement": "module a\n\nrequire sigs.k8s.io/lws v0.9.0\n",
		"a block":         "module a\n\nrequire (\n\tsigs.k8s.io/lws v0.9.0\n\tk8s.io/api v0.36.2 // indirect\n)\n",
	} {
		got, err := moduleVersion(fstest.MapFS{"go.mod": {Data: []byte(mod)}}, "sigs.k8s.io/lws")
		if got != "v0.9.0" || err != nil {
			t.Errorf("%s: version %s, error %v", name, got, err)
		}
	}
	if _, err := moduleVersion(fstest.MapFS{"go.mod": {Data: []byte("module a\n")}}, "sigs.k8s.io/lws"); err == nil {
		t.Error("a module without the requirement has a version")
	}
}

func TestOperationsPageListsAddonsWithTheirVersions(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, add := range addons() {
		version := add.version
		if version == "" {
			if version, err = moduleVersion(os.DirFS(filepath.Join("../../devcluster", string(name))), add.module); err != nil {
				t.Fatal(err)
			}
		}
		if row := "| " + add.title + " | " + version + " |\n"; !strings.Contains(string(page), row) {
			t.Errorf("docs/operations.md has no row that ends with %q", row)
		}
	}
}

// Each addon has a module, and a configuration and webhooks that its values fill.
func TestFilesOfAddons(t *testing.T) {
	t.Parallel()
	for _, name := range AddonNames() {
		if addons()[Addon(name)].pkg == "" {
			continue
		}
		folder := filepath.Join("../../devcluster", name)
		if _, err := moduleVersion(os.DirFS(folder), addons()[Addon(name)].module); err != nil {
			t.Error(err)
		}
		for _, file := range []string{addons()[Addon(name)].config, addons()[Addon(name)].objects} {
			if file == "" {
				continue
			}
			values := addonValues{Port: 1, Probes: 2, Certificates: "/certs", URL: "https://127.0.0.1:1", CA: "Y2E="}
			if err := expand(filepath.Join(folder, file), filepath.Join(t.TempDir(), file), values); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestSelectedDefinitionsAreThoseWithTheNames(t *testing.T) {
	t.Parallel()
	module := fstest.MapFS{"a.yaml": {Data: []byte("# A comment.\nmetadata: {name: a}\n---\nmetadata: {name: b}\n---\nmetadata: {name: c}")}}
	got, err := addon{crds: []string{"a.yaml"}, names: []string{"a", "c"}}.selectDefinitions(module)
	if want := "# A comment.\nmetadata: {name: a}\n---\nmetadata: {name: c}"; string(got) != want || err != nil {
		t.Errorf("got %q, error %v", got, err)
	}
	if _, err := (addon{crds: []string{"a.yaml"}, names: []string{"a", "d"}}).selectDefinitions(module); err == nil {
		t.Error("no error for a name that has no definition")
	}
}
