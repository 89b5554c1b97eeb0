package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// notes returns the tag's section of CHANGELOG.md, without its heading.
func (r *release) notes() (string, error) {
	changelog, err := os.ReadFile(filepath.Join(r.source, "CHANGELOG.md"))
	if err != nil {
		return "", err
	}
	heading := "\n## [" + strings.TrimPrefix(r.tag, "v") + "]"
	_, section, ok := strings.Cut(string(changelog), heading)
	if !ok {
		return "", fmt.Errorf("CHANGELOG.md has no section %q", strings.TrimSpace(heading))
	}
	_, section, _ = strings.Cut(section, "\n") // The date.
	section, _, _ = strings.Cut(section, "\n## ")
	section, _, _ = strings.Cut(section, "\n[") // Link definitions.
	return strings.TrimSpace(section), nil
}

// writeNotes writes the release notes: the changes and the images.
func (r *release) writeNotes(changes string, digests map[string]v1.Hash) error {
	var notes strings.Builder
	fmt.Fprintf(&notes, "# NuFi %s\n\n%s\n\n## Images\n\n", r.tag, changes)
	for _, program := range r.programs {
		fmt.Fprintf(&notes, "- `%s`\n", r.image(program, digests[program]))
	}
	return os.WriteFile(r.file("-notes.md"), []byte(notes.String()), 0o644)
}
