package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

var (
	errOtherSum     = errors.New("its checksum differs")
	errNoDefinition = errors.New("definitions are missing")
)

// definitionsFile has the definitions of an addon without a program.
const definitionsFile = "definitions.yaml"

// definitions copies the definitions of an addon without a program from its module, once.
func (b Builder) definitions(ctx context.Context, name Addon, add addon) (BuiltAddon, error) {
	target := filepath.Join(b.Cache, fmt.Sprintf("%s%s-%s-%d", addonPrefix, name, add.version, len(add.names)))
	return BuiltAddon{name: name, folder: target}, b.buildOnce(ctx, target, add.title, func(part string) error {
		b.Progress.report("downloading "+add.title+" "+add.version, "")
		module, err := download(ctx, add)
		if err != nil {
			return fmt.Errorf("downloading %s: %w", add.module, err)
		}
		content, err := add.selectDefinitions(os.DirFS(module))
		if err != nil {
			return fmt.Errorf("reading %s: %w", add.module, err)
		}
		return diskFull(os.WriteFile(filepath.Join(part, definitionsFile), content, 0o600))
	})
}

// selectDefinitions returns the definitions of the addon's names, as one file: each call of kubectl, and each
// definition, takes the API server a second.
func (a addon) selectDefinitions(module fs.FS) ([]byte, error) {
	var selected [][]byte
	for _, file := range a.crds {
		content, err := fs.ReadFile(module, file)
		if err != nil {
			return nil, err
		}
		for document := range bytes.SplitSeq(content, []byte("\n---\n")) {
			var definition metav1.PartialObjectMetadata
			if err := yaml.Unmarshal(document, &definition); err != nil {
				return nil, err
			}
			if slices.Contains(a.names, definition.Name) {
				selected = append(selected, document)
			}
		}
	}
	if len(selected) != len(a.names) {
		return nil, fmt.Errorf("%w: %d of %v", errNoDefinition, len(selected), a.names)
	}
	return bytes.Join(selected, []byte("\n---\n")), nil
}

// download returns the folder of a module's source.
func download(ctx context.Context, add addon) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := command(ctx, "go", "mod", "download", "-json", add.module+"@"+add.version)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	var module struct{ Dir, Sum, Error string }
	if err := json.Unmarshal(stdout.Bytes(), &module); err != nil {
		return "", errors.Join(runErr, errors.New(stderr.String()))
	}
	switch {
	case module.Error != "":
		return "", errors.New(module.Error)
	case module.Sum != add.sum:
		return "", fmt.Errorf("%w: %s", errOtherSum, module.Sum)
	}
	return module.Dir, nil
}
