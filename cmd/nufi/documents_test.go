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
	documents := split([]byte("# only a comment\n---\na: 1\n---\n\n--- # another\nb: 2\n--- {c: 3}\n---- d\n"))
	var got []string
	for _, document := range documents {
		got = append(got, string(document))
	}
	want := []string{"\n   \na: 1\n", "\n\n\n\n\n    # another\nb: 2\n", "\n\n\n\n\n\n\n    {c: 3}\n---- d\n"}
	if delta := cmp.Diff(want, got); delta != "" {
		t.Errorf("documents (-want +got):\n%s", delta)
	}
}

func TestInputWithoutDocumentsIsAnError(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{"nothing": "", "comments": "# a\n---\n# b\n", "separators": "---\n---\n"} {
		if _, _, err := readDocuments([]string{"-"}, strings.NewReader(in)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, _, err := readDocuments([]string{t.TempDir()}, nil); err == nil {
		t.Error("empty folder: no error")
	}
}

func TestInputIsBounded(t *testing.T) {
	t.Parallel()
	if _, _, err := readDocuments([]string{"-"}, strings.NewReader(strings.Repeat("a", maxFile+1))); err == nil {
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
	documents, foreign, err := readDocuments([]string{dir}, nil)
	if err != nil || foreign != 3 {
		t.Fatalf("%d foreign objects, %v", foreign, err)
	}
	var got []string
	for _, document := range documents {
		got = append(got, filepath.Base(document.File))
	}
	if delta := cmp.Diff([]string{"a.json", "a.yml", "b.yaml"}, got); delta != "" {
		t.Errorf("files (-want +got):\n%s", delta)
	}
}
