package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"go.yaml.in/yaml/v3"
)

// writeBundle writes the bundle with the registry and the digests of the images.
func (r *release) writeBundle(digests map[string]v1.Hash) error {
	entries, err := readEntries(filepath.Join(r.source, "bundle"), "bundle/")
	if err != nil {
		return err
	}
	// The generators of the monitoring resources are Go programs, of no use in a bundle.
	entries = slices.DeleteFunc(entries, func(e entry) bool { return strings.HasSuffix(e.name, ".go") })
	for i, e := range entries {
		if filepath.Base(e.name) != "kustomization.yaml" {
			continue
		}
		if entries[i].content, err = r.pinImages(e.content, digests); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return writeArchive(r.file("-bundle.tar.gz"), r.time, entries)
}

// pinImages sets the images of a kustomization to the registry and their digests.
func (r *release) pinImages(kustomization []byte, digests map[string]v1.Hash) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(kustomization, &document); err != nil {
		return nil, err
	}
	images := value(document.Content[0], "images")
	if images == nil {
		return kustomization, nil
	}
	for _, image := range images.Content {
		name := value(image, "name").Value
		digest, ok := digests[name]
		if !ok {
			continue // --programs leaves it out.
		}
		pinned := map[string]string{"name": name, "newName": r.registry + "/" + name, "digest": digest.String()}
		if err := image.Encode(pinned); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	err := encoder.Encode(&document)
	return out.Bytes(), err
}

// value returns a field of a mapping, or nil.
func value(mapping *yaml.Node, field string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == field {
			return mapping.Content[i+1]
		}
	}
	return nil
}
