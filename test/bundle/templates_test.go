package bundle_test

import (
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
	var deployment appsv1.Deployment
	if err := yaml.UnmarshalStrict(text, &deployment); err != nil {
		t.Fatal(err)
	}
	items := map[string]string{}
	for _, item := range deployment.Spec.Template.Spec.Volumes[0].ConfigMap.Items {
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

// The component is used from a kustomization outside the repository.
func TestTemplatesComponentChangesOnlyTheController(t *testing.T) {
	t.Parallel()
	h := harness.New(t)
	bundle := h.Path("bundle")
	plain, mounted := h.Kubectl("kustomize", bundle), h.Kubectl("kustomize", overlay(t, bundle))
	got := map[string]int{}
	for _, document := range strings.Split(mounted, "\n---\n") {
		if !strings.Contains(plain, strings.TrimSpace(document)) {
			var deployment appsv1.Deployment
			if err := yaml.UnmarshalStrict([]byte(document), &deployment); err != nil {
				t.Fatal(err)
			}
			got[deployment.Kind+"/"+deployment.Name]++
			args := deployment.Spec.Template.Spec.Containers[0].Args
			if diff := cmp.Diff([]string{"--leader-elect", "--templates=/templates"}, args); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"Deployment/nufi-controller": 1}, got); diff != "" {
		t.Errorf("changed objects (-want +got):\n%s", diff)
	}
}

// overlay writes a kustomization that names the bundle and the component.
func overlay(t *testing.T, bundle string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	up, err := filepath.Rel(dir, bundle)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("resources: [%s]\ncomponents: [%s/components/templates]\n", up, up)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
