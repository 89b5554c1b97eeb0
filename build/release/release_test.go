package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/modfile"
)

const (
	testTag       = "v9.9.9"
	testChangelog = "# Changelog\n\n## Unreleased\n\n- Not yet.\n\n## [9.9.9] - 2026-01-02\n\n### Added\n\n- A throw-away version.\n\n## [0.0.1] - 2026-01-01\n\n- Old.\n"
)

// testProgram is the smallest program.
const testProgram = "nufi-deviceplugin"

// TestReleaseIsReproducible releases one program for this machine's architecture from a tag of a clone, twice.
func TestReleaseIsReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a program")
	}
	first, second := clone(t), clone(t)
	write(t, filepath.Join(first, "LICENSE"), "not committed")
	out := runRelease(t, first)
	if again := sums(t, runRelease(t, second)); again != sums(t, out) {
		t.Errorf("two builds differ:\n%s\n%s", sums(t, out), again)
	}
	t.Run("checksums", func(t *testing.T) { checkSums(t, out) })
	t.Run("programs", func(t *testing.T) { checkPrograms(t, out) })
	digests := checkImages(t, out)
	t.Run("bundle", func(t *testing.T) { checkBundle(t, out, digests) })
	t.Run("SBOM", func(t *testing.T) { checkSBOM(t, out) })
	t.Run("notes", func(t *testing.T) {
		notes := read(t, filepath.Join(out, "nufi-v9.9.9-notes.md"))
		image := "`registry.example.com/nufi-deviceplugin@" + digests[testProgram].String() + "`"
		for _, want := range []string{"- A throw-away version.", image} {
			if !strings.Contains(notes, want) {
				t.Errorf("notes lack %q:\n%s", want, notes)
			}
		}
		for _, other := range []string{"Not yet.", "Old."} {
			if strings.Contains(notes, other) {
				t.Errorf("notes contain %q of another version:\n%s", other, notes)
			}
		}
	})
}

// Every program in cmd/ is released.
func TestProgramsAreThoseInCmd(t *testing.T) {
	t.Parallel()
	mains, err := filepath.Glob("../../cmd/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, file := range mains {
		want = append(want, filepath.Base(filepath.Dir(file)))
	}
	if want := strings.Join(want, ","); programs != want {
		t.Errorf("programs are %s, want %s", programs, want)
	}
}

func TestDockerfileUsesTheGoVersionOfGoMod(t *testing.T) {
	t.Parallel()
	mod, err := modfile.ParseLax("go.mod", []byte(read(t, "../../go.mod")), nil)
	if err != nil {
		t.Fatal(err)
	}
	image := "ARG GO_IMAGE=golang:" + strings.TrimSuffix(mod.Go.Version, ".0") + "."
	dockerfile := read(t, "../Dockerfile")
	for _, line := range []string{image, "FROM scratch\n", "USER 65532:65532\n"} {
		if !strings.Contains(dockerfile, "\n"+line) {
			t.Errorf("build/Dockerfile lacks the line %q", line)
		}
	}
}

func TestReleaseRejectsBadTags(t *testing.T) {
	repository := t.TempDir()
	gitIn(t, repository, "init", "-q")
	for tag, want := range map[string]string{
		"":       "--tag is required",
		"1.2.3":  "want vX.Y.Z",
		"v1.2":   "want vX.Y.Z",
		"v1.2.3": "unknown revision",
	} {
		err := run(t.Context(), []string{"--repository", repository, "--tag", tag})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("tag %q: error is %v, want %s", tag, err, want)
		}
	}
}

// clone clones the repository and tags a commit with a changelog of its own.
func clone(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "nufi")
	gitIn(t, "../..", "clone", "-q", "--no-tags", ".", dir)
	write(t, filepath.Join(dir, "CHANGELOG.md"), testChangelog)
	const date = "2026-01-02T03:04:05Z"
	t.Setenv("GIT_AUTHOR_DATE", date)
	t.Setenv("GIT_COMMITTER_DATE", date)
	gitIn(t, dir, "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-a", "-m", "release")
	gitIn(t, dir, "tag", testTag)
	return dir
}

func gitIn(t *testing.T, dir string, args ...string) {
	t.Helper()
	if _, err := git(t.Context(), dir, args...); err != nil {
		t.Fatal(err)
	}
}

func runRelease(t *testing.T, repository string) string {
	t.Helper()
	if err := run(t.Context(), []string{
		"--repository", repository, "--tag", testTag, "--registry", "registry.example.com",
		"--programs", testProgram, "--architectures", runtime.GOARCH,
	}); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(repository, "dist", testTag)
}

func sums(t *testing.T, out string) string {
	t.Helper()
	return read(t, filepath.Join(out, "SHA256SUMS"))
}

// checkSums fails unless SHA256SUMS lists every other file with its hash.
func checkSums(t *testing.T, out string) {
	t.Helper()
	listed := map[string]string{}
	for line := range strings.Lines(sums(t, out)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		listed[name] = sum
	}
	files, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(listed)+1 || len(listed) != 5 {
		t.Errorf("%d files and %d checksums, want 6 and 5: %v", len(files), len(listed), listed)
	}
	for name, want := range listed {
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(read(t, filepath.Join(out, name))))); got != want {
			t.Errorf("hash of %s is %s, want %s", name, got, want)
		}
	}
}

// checkPrograms runs the program.
func checkPrograms(t *testing.T, out string) {
	t.Helper()
	dir := untar(t, filepath.Join(out, "nufi-v9.9.9-linux-"+runtime.GOARCH+".tar.gz"))
	if license := read(t, filepath.Join(dir, "LICENSE")); license == "not committed" {
		t.Error("the license is that of the working tree, want that of the tag")
	}
	output, err := exec.CommandContext(t.Context(), filepath.Join(dir, testProgram), "--version").Output()
	if err != nil || string(output) != testProgram+" version v9.9.9\n" {
		t.Errorf("--version prints %q (%v)", output, err)
	}
}

// checkImages returns the digests of the images by program.
func checkImages(t *testing.T, out string) map[string]v1.Hash {
	t.Helper()
	all, err := layout.ImageIndexFromPath(untar(t, filepath.Join(out, "nufi-v9.9.9-images.tar")))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := all.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]v1.Hash{}
	for _, descriptor := range manifest.Manifests {
		program, tag, _ := strings.Cut(descriptor.Annotations["org.opencontainers.image.ref.name"], ":")
		if tag != testTag {
			t.Errorf("tag of %s is %q", program, tag)
		}
		digests[program] = descriptor.Digest
		index, err := all.ImageIndex(descriptor.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkPlatforms(t, program, index)
	}
	if _, ok := digests[testProgram]; !ok || len(digests) != 1 {
		t.Errorf("images are %v, want one of %s", digests, testProgram)
	}
	return digests
}

// checkPlatforms checks the configuration and the files of each architecture's image.
func checkPlatforms(t *testing.T, program string, index v1.ImageIndex) {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, descriptor := range manifest.Manifests {
		got = append(got, descriptor.Platform.Architecture)
		image, err := index.Image(descriptor.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Architecture != descriptor.Platform.Architecture || config.Config.User != "65532:65532" ||
			!slices.Equal(config.Config.Entrypoint, []string{"/" + program}) ||
			config.Config.Labels["org.opencontainers.image.version"] != testTag {
			t.Errorf("configuration of %s is %+v", program, config)
		}
		layers, err := image.Layers()
		if err != nil {
			t.Fatal(err)
		}
		content, err := layers[0].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"etc/ssl/certs/ca-certificates.crt", program}
		if files := names(t, content); !slices.Equal(files, want) {
			t.Errorf("files of %s are %v, want %v", program, files, want)
		}
	}
	if !slices.Equal(got, []string{runtime.GOARCH}) {
		t.Errorf("architectures of %s are %v, want %s", program, got, runtime.GOARCH)
	}
}

// checkBundle checks that the program's image has a digest, and that another one has its tag.
func checkBundle(t *testing.T, out string, digests map[string]v1.Hash) {
	t.Helper()
	dir := untar(t, filepath.Join(out, "nufi-v9.9.9-bundle.tar.gz"))
	for folder, want := range map[string]map[string]string{
		"deviceplugin/daemonset": {
			"name": testProgram, "newName": "registry.example.com/" + testProgram, "digest": digests[testProgram].String(),
		},
		".": {"name": "nufi-controller", "newName": "dudaji/nufi-controller", "newTag": "v0.1.0"},
	} {
		got := images(t, filepath.Join(dir, "bundle", folder, "kustomization.yaml"))
		if len(got) != 1 || !maps.Equal(got[0], want) {
			t.Errorf("images of bundle/%s are %v, want %v", folder, got, want)
		}
	}
}

// The bundle's images are programs, so a release pins all of them.
func TestBundleImagesAreThoseOfPrograms(t *testing.T) {
	t.Parallel()
	found := 0
	err := filepath.WalkDir("../../bundle", func(path string, d fs.DirEntry, err error) error {
		if d.Name() != "kustomization.yaml" {
			return err
		}
		for _, image := range images(t, path) {
			found++
			if !slices.Contains(strings.Split(programs, ","), image["name"]) {
				t.Errorf("%s: image %s is not a program", path, image["name"])
			}
		}
		return err
	})
	if err != nil || found < 3 {
		t.Errorf("%d images (%v), want 3 or more", found, err)
	}
}

// images returns the images of a kustomization.
func images(t *testing.T, path string) []map[string]string {
	t.Helper()
	var kustomization struct{ Images []map[string]string }
	if err := yaml.Unmarshal([]byte(read(t, path)), &kustomization); err != nil {
		t.Fatal(err)
	}
	return kustomization.Images
}

func checkSBOM(t *testing.T, out string) {
	t.Helper()
	var bom cdx.BOM
	if err := json.Unmarshal([]byte(read(t, filepath.Join(out, "nufi-v9.9.9-linux-"+runtime.GOARCH+".cdx.json"))), &bom); err != nil {
		t.Fatal(err)
	}
	components := map[string]cdx.Component{}
	for _, c := range *bom.Components {
		components[c.BOMRef] = c
	}
	if std := "pkg:golang/std@" + strings.TrimPrefix(runtime.Version(), "go"); components[std].Name != "std" {
		t.Errorf("no component %s", std)
	}
	if len(*bom.Dependencies) != 1 || (*bom.Dependencies)[0].Ref != testProgram {
		t.Fatalf("dependencies are %+v, want those of %s", *bom.Dependencies, testProgram)
	}
	cobra := false
	for _, ref := range *(*bom.Dependencies)[0].Dependencies {
		c, ok := components[ref]
		if !ok || c.PackageURL == "" || c.Hashes == nil && c.Name != "std" {
			t.Errorf("component %s is %+v", ref, c)
		}
		cobra = cobra || c.Name == "github.com/spf13/cobra"
	}
	if !cobra {
		t.Error("no component of cobra")
	}
}

// untar extracts an archive and returns the folder.
func untar(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // Nothing was written.
	var archive io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if archive, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if err := extract(archive, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// names returns the names of the files of a tar archive.
func names(t *testing.T, archive io.Reader) []string {
	t.Helper()
	var found []string
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, header.Name)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
