package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

const modulePath = "github.com/dudaji/nufi"

// writeSBOM writes a CycloneDX document: the programs of one architecture, and the Go modules
// and the standard library that each is built from, as recorded in the binaries.
func (r *release) writeSBOM(arch string) (err error) {
	subject := component(cdx.ComponentTypeApplication, modulePath, r.tag)
	modules := map[string]cdx.Component{}
	var files []cdx.Component
	var dependencies []cdx.Dependency
	for _, program := range r.programs {
		file, uses, err := r.describeBinary(program, arch)
		if err != nil {
			return err
		}
		refs := make([]string, 0, len(uses))
		for _, module := range uses {
			modules[module.BOMRef] = module
			refs = append(refs, module.BOMRef)
		}
		files = append(files, file)
		dependencies = append(dependencies, cdx.Dependency{Ref: file.BOMRef, Dependencies: &refs})
	}
	components := append(files, slices.SortedFunc(maps.Values(modules), func(a, b cdx.Component) int {
		return strings.Compare(a.BOMRef, b.BOMRef)
	})...)
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Timestamp: r.time.Format(time.RFC3339), Component: &subject}
	bom.Components, bom.Dependencies = &components, &dependencies
	out, err := os.Create(r.file("-linux-" + arch + ".cdx.json"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
}

// describeBinary returns the component of a program's file and those of its modules.
func (r *release) describeBinary(program, arch string) (cdx.Component, []cdx.Component, error) {
	path := r.binary(program, arch)
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return cdx.Component{}, nil, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return cdx.Component{}, nil, err
	}
	file := cdx.Component{
		Type: cdx.ComponentTypeApplication, BOMRef: program, Name: program, Version: r.tag,
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sha256.Sum256(content))}},
	}
	modules := []cdx.Component{component(cdx.ComponentTypeLibrary, "std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, dependency := range info.Deps {
		module, err := moduleComponent(dependency)
		if err != nil {
			return cdx.Component{}, nil, err
		}
		modules = append(modules, module)
	}
	return file, modules, nil
}

// moduleComponent returns the component of a module, or of its replacement.
func moduleComponent(module *debug.Module) (cdx.Component, error) {
	if module.Replace != nil {
		module = module.Replace
	}
	c := component(cdx.ComponentTypeLibrary, module.Path, module.Version)
	encoded, ok := strings.CutPrefix(module.Sum, "h1:")
	if !ok {
		return c, fmt.Errorf("module %s has no checksum", module.Path)
	}
	sum, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return c, fmt.Errorf("reading the checksum of %s: %w", module.Path, err)
	}
	c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sum)}}
	return c, nil
}

func component(kind cdx.ComponentType, name, version string) cdx.Component {
	purl := "pkg:golang/" + name + "@" + version
	return cdx.Component{Type: kind, BOMRef: purl, Name: name, Version: version, PackageURL: purl}
}
