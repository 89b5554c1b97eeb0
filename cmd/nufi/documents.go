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

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// maxFile bounds one input, in bytes.
const maxFile = 8 << 20

var (
	errTooLarge    = fmt.Errorf("larger than %d bytes", maxFile)
	errNoDocuments = errors.New("no NpuDeploy or Project in it")
	errNoFiles     = errors.New("no .yaml, .yml or .json file in it; subfolders are not read")
)

// readDocuments reads the NpuDeploys and Projects in files, folders (their .yaml, .yml and
// .json files) and, for "-", in. It counts the objects of other API groups, which it leaves
// out. An input without documents is an error.
func readDocuments(names []string, in io.Reader) (documents []render.Document, foreign int, err error) {
	for _, name := range names {
		files, err := filesOf(name)
		if err != nil {
			return nil, 0, err
		}
		before := len(documents)
		for _, file := range files {
			content, err := readInput(file, in)
			if err != nil {
				return nil, 0, err
			}
			for _, text := range split(content) {
				all := render.ReadDocuments(file, text)
				ours := slices.DeleteFunc(slices.Clone(all), isForeign)
				documents, foreign = append(documents, ours...), foreign+len(all)-len(ours)
			}
		}
		if len(documents) == before {
			return nil, 0, fmt.Errorf("reading %s: %w", name, errNoDocuments)
		}
	}
	return documents, foreign, nil
}

// isForeign reports whether a document is of another API group. An unreadable document is
// not: its render reports the error. Neither is an NpuDeploy with a misspelt group.
func isForeign(d render.Document) bool {
	group, err := schema.ParseGroupVersion(d.APIVersion)
	return err == nil && d.APIVersion != "" && group.Group != v1.Group && d.Kind != v1.Kind
}

func filesOf(name string) ([]string, error) {
	if name == "-" {
		return []string{name}, nil
	}
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return []string{name}, err
	}
	var files []string
	for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
		matches, err := fs.Glob(os.DirFS(name), pattern)
		if err != nil {
			return nil, err
		}
		for _, file := range matches {
			files = append(files, filepath.Join(name, file))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("reading %s: %w", name, errNoFiles)
	}
	slices.Sort(files)
	return files, nil
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

// split splits content into documents, without those of blank lines and comments only. Each
// begins with as many line breaks as there are lines before it, so that line numbers are
// those of content.
func split(content []byte) [][]byte {
	var documents [][]byte
	var current bytes.Buffer
	blank := true
	flush := func(line int) {
		if !blank {
			documents = append(documents, bytes.Clone(current.Bytes()))
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
