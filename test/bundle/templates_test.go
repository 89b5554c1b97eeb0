package bundle_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/internal/cluster"
	"github.com/dudaji/nufi/test/harness"
)

// A file without an item would be missing from the mounted module.
func TestMountHasAnItemForEachTemplate(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	err := fs.WalkDir(nufi.Module(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			want[path] = strings.ReplaceAll(path, "/", ".")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, itemsOf(t, repository(t))); diff != "" {
		t.Errorf("items of the mount, path to key (-want +got):\n%s", diff)
	}
}

// repository returns the repository's root.
func repository(t *testing.T) string {
	t.Helper()
	root, err := cluster.Checkout(".")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// itemsOf maps the path of each item to its key.
func itemsOf(t *testing.T, root string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "bundle", "components", "templates", "mount.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var patch []struct {
		Op, Path string
		Value    json.RawMessage
	}
	if err := yaml.UnmarshalStrict(text, &patch); err != nil {
		t.Fatal(err)
	}
	var volume corev1.Volume
	if err := yaml.UnmarshalStrict(patch[len(patch)-1].Value, &volume); err != nil {
		t.Fatal(err)
	}
	items := map[string]string{}
	for _, item := range volume.ConfigMap.Items {
		items[item.Path] = item.Key
	}
	return items
}

func TestConfigMapHasTheFilesOfTheMount(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	root := h.Path()
	script := exec.CommandContext(t.Context(), filepath.Join(root, "bundle", "components", "templates", "configmap.sh"), root)
	script.Env = append(os.Environ(), fmt.Sprintf("PATH=%s:%s",
		filepath.Dir(h.Cluster().KubectlPath()), os.Getenv("PATH")))
	text, err := script.Output()
	if err != nil {
		t.Fatal(err)
	}
	var templates corev1.ConfigMap
	if err := yaml.UnmarshalStrict(text, &templates); err != nil {
		t.Fatal(err)
	}
	for path, key := range itemsOf(t, root) {
		want, err := fs.ReadFile(nufi.Module(), path)
		if err != nil {
			t.Fatal(err)
		}
		if templates.Data[key] != string(want) {
			t.Errorf("key %s is not the content of %s", key, path)
		}
	}
}

// The component is used from a kustomization outside the repository, with and without the API server.
func TestTemplatesComponentChangesOnlyArgumentsAndMounts(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	controller, apiServer := h.Path("bundle"), h.Path("bundle", "apiserver")
	for name, test := range map[string]struct {
		resources []string
		want      map[string][]string
	}{
		"controller": {[]string{controller}, map[string][]string{"nufi-controller": {"--leader-elect", "--templates=/templates"}}},
		"both": {[]string{controller, apiServer}, map[string][]string{
			"nufi-controller": {"--leader-elect", "--templates=/templates"}, "nufi-apiserver": {"--templates=/templates"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := h.Kubectl("kustomize", overlay(t, test.resources, nil))
			mounted := h.Kubectl("kustomize", overlay(t, test.resources, []string{h.Path("bundle", "components", "templates")}))
			if diff := cmp.Diff(test.want, changedArguments(t, plain, mounted)); diff != "" {
				t.Errorf("arguments of changed Deployments (-want +got):\n%s", diff)
			}
		})
	}
}

// A platform team's base mounts other files, such as the certificate of an identity provider.
func TestTemplatesComponentKeepsTheVolumesOfItsBase(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	base := overlay(t, []string{h.Path("bundle"), h.Path("bundle", "apiserver")}, nil)
	addVolumes(t, base)
	mounted := h.Kubectl("kustomize", overlay(t, []string{base}, []string{h.Path("bundle", "components", "templates")}))
	got := map[string][]string{}
	for _, document := range strings.Split(mounted, "\n---\n") {
		if !strings.Contains(document, "\nkind: Deployment\n") {
			continue
		}
		var deployment appsv1.Deployment
		if err := yaml.UnmarshalStrict([]byte(document), &deployment); err != nil {
			t.Fatal(err)
		}
		pod := deployment.Spec.Template.Spec
		for _, volume := range pod.Volumes {
			got[deployment.Name] = append(got[deployment.Name], "volume "+volume.Name)
		}
		for _, mount := range pod.Containers[0].VolumeMounts {
			got[deployment.Name] = append(got[deployment.Name], "mount "+mount.Name)
		}
	}
	both := []string{"volume ca", "volume templates", "mount ca", "mount templates"}
	if diff := cmp.Diff(map[string][]string{"nufi-controller": both, "nufi-apiserver": both}, got); diff != "" {
		t.Errorf("volumes and mounts (-want +got):\n%s", diff)
	}
}

// addVolumes makes the kustomization in dir add a volume to the controller and to the API server.
func addVolumes(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, "kustomization.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "patches:\n"...)
	for _, container := range []string{"controller", "apiserver"} {
		text = fmt.Appendf(text, `- patch: |
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: nufi-%[1]s, namespace: nufi-system}
    spec:
      template:
        spec:
          containers: [{name: %[1]s, volumeMounts: [{name: ca, mountPath: /ca}]}]
          volumes: [{name: ca, configMap: {name: ca}}]
`, container)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// changedArguments returns the arguments of each object that has changed. All of them must be Deployments with a mount.
func changedArguments(t *testing.T, before, after string) map[string][]string {
	t.Helper()
	changed := map[string][]string{}
	for _, document := range strings.Split(after, "\n---\n") {
		if strings.Contains(before, strings.TrimSpace(document)) {
			continue
		}
		var deployment appsv1.Deployment
		if err := yaml.UnmarshalStrict([]byte(document), &deployment); err != nil {
			t.Fatal(err)
		}
		container := deployment.Spec.Template.Spec.Containers[0]
		if len(container.VolumeMounts) != 1 || len(deployment.Spec.Template.Spec.Volumes) != 1 {
			t.Errorf("%s has the mounts %v", deployment.Name, container.VolumeMounts)
		}
		changed[deployment.Name] = container.Args
	}
	return changed
}

// overlay writes a kustomization with these folders.
func overlay(t *testing.T, resources, components []string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("resources: [%s]\ncomponents: [%s]\n", relative(t, dir, resources), relative(t, dir, components))
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// relative lists folders, as a kustomization requires them.
func relative(t *testing.T, dir string, folders []string) string {
	t.Helper()
	var paths []string
	for _, folder := range folders {
		path, err := filepath.Rel(dir, folder)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return strings.Join(paths, ", ")
}
