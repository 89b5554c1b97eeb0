package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDocumentsKeepTheLinesOfTheirFile(t *testing.T) {
	t.Parallel()
	documents := split("x.yaml", []byte("# only a comment\n---\na: 1\n---\n\n--- # another\nb: 2\n--- {c: 3}\n---- d\n"))
	var got []string
	for _, document := range documents {
		got = append(got, string(document.content))
	}
	want := []string{"\n   \na: 1\n", "\n\n\n\n\n    # another\nb: 2\n", "\n\n\n\n\n\n\n    {c: 3}\n---- d\n"}
	if delta := cmp.Diff(want, got); delta != "" {
		t.Errorf("documents (-want +got):\n%s", delta)
	}
}

func TestInputWithoutDocumentsIsAnError(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{"nothing": "", "comments": "# a\n---\n# b\n", "separators": "---\n---\n"} {
		if _, err := readDocuments([]string{"-"}, strings.NewReader(in)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := readDocuments([]string{t.TempDir()}, nil); err == nil {
		t.Error("empty folder: no error")
	}
}

func TestInputIsBounded(t *testing.T) {
	t.Parallel()
	if _, err := readDocuments([]string{"-"}, strings.NewReader(strings.Repeat("a", maxFile+1))); err == nil {
		t.Error("no error")
	}
}

func TestFolderYieldsOurDocumentsInOrderOfFileNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"b.yaml", "a.json", "c.txt", "a.yml"} {
		content := "apiVersion: v1\n---\napiVersion: dudaji.com/v1\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	documents, err := readDocuments([]string{dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, document := range documents {
		got = append(got, filepath.Base(document.file))
	}
	if delta := cmp.Diff([]string{"a.json", "a.yml", "b.yaml"}, got); delta != "" {
		t.Errorf("files (-want +got):\n%s", delta)
	}
}
