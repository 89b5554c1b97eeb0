package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxFile bounds one input, in bytes.
const maxFile = 8 << 20

var (
	errTooLarge    = fmt.Errorf("larger than %d bytes", maxFile)
	errNoDocuments = errors.New("no NpuDeploy or Project in it")
)

// document is one YAML document of an input.
type document struct {
	file string
	// content begins with as many line breaks as there are lines before it in file, so that
	// line numbers are the file's.
	content []byte
}

// readDocuments reads files, folders (the objects of our API group in their .yaml, .yml and
// .json files) and, for "-", in. An input without documents is an error.
func readDocuments(names []string, in io.Reader) ([]document, error) {
	var all []document
	for _, name := range names {
		files, isFolder, err := filesOf(name)
		if err != nil {
			return nil, err
		}
		var documents []document
		for _, file := range files {
			content, err := readInput(file, in)
			if err != nil {
				return nil, err
			}
			documents = append(documents, split(file, content)...)
		}
		if isFolder {
			documents = slices.DeleteFunc(documents, isForeign)
		}
		if len(documents) == 0 {
			return nil, fmt.Errorf("reading %s: %w", name, errNoDocuments)
		}
		all = append(all, documents...)
	}
	return all, nil
}

// isForeign reports whether a document is of another API group. An unreadable document is
// not: its render reports the error.
func isForeign(d document) bool {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(d.content, &meta); err != nil {
		return false
	}
	return meta.APIVersion != "" && meta.GroupVersionKind().Group != v1.Group
}

func filesOf(name string) (files []string, isFolder bool, err error) {
	if name == "-" {
		return []string{name}, false, nil
	}
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return []string{name}, false, err
	}
	for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
		matches, err := fs.Glob(os.DirFS(name), pattern)
		if err != nil {
			return nil, false, err
		}
		for _, file := range matches {
			files = append(files, filepath.Join(name, file))
		}
	}
	slices.Sort(files)
	return files, true, nil
}

func readInput(file string, in io.Reader) ([]byte, error) {
	if file != "-" {
		opened, err := os.Open(file) //nolint:gosec // The user names the file.
		if err != nil {
			return nil, err
		}
		defer func() { _ = opened.Close() }()
		in = opened
	}
	content, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = errTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return content, nil
}

// separator begins a document, whose content may follow on the same line.
const separator = "---"

// split splits content into documents, without those of blank lines and comments only.
func split(file string, content []byte) []document {
	var documents []document
	var current bytes.Buffer
	blank := true
	flush := func(line int) {
		if !blank {
			documents = append(documents, document{file: file, content: bytes.Clone(current.Bytes())})
		}
		current.Reset()
		current.Write(bytes.Repeat([]byte("\n"), line))
		blank = true
	}
	for i, line := range bytes.SplitAfter(content, []byte("\n")) {
		if rest, found := bytes.CutPrefix(line, []byte(separator)); found && (len(rest) == 0 || unicode.IsSpace(rune(rest[0]))) {
			flush(i)
			line = append([]byte("   "), rest...)
		}
		current.Write(line)
		text := bytes.TrimSpace(line)
		blank = blank && (len(text) == 0 || text[0] == '#')
	}
	flush(0)
	return documents
}
