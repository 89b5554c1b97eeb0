// Command gen derives the CUE contracts from the CRDs that controller-gen made of the
// Go types, so that the three cannot differ. For each kind it
//
//  1. trims the CRD in place: the descriptions of Kubernetes' own types go (they are
//     `kubectl explain pod`'s), else the CRD outgrows the 256 KiB annotation of a
//     client-side apply;
//  2. writes schemas/KIND/spec_gen.cue: the definition #Spec, as `cue get crd` would
//     write it, but with choices that say in one line what they accept, and with
//     optional structs that CUE evaluates only where they are given;
//
// and at last docs/api.md, of all kinds.
//
// Run it by `just gen`.
package main

import (
	"fmt"
	"os"
	"strings"
)

const apiFile = "docs/api.md"

// kind is one kind of dudaji.com/v1, by its name in CamelCase.
type kind struct{ name string }

func kinds() []kind { return []kind{{"NpuDeploy"}, {"Project"}} }

func (k kind) cuePackage() string { return strings.ToLower(k.name) }
func (k kind) crdFile() string    { return "bundle/crd/dudaji.com_" + k.cuePackage() + "s.yaml" }
func (k kind) cueFile() string    { return "schemas/" + k.cuePackage() + "/spec_gen.cue" }

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	var reference strings.Builder
	reference.WriteString(apiIntroduction)
	for _, k := range kinds() {
		described, err := generate(k)
		if err != nil {
			return fmt.Errorf("generating for %s: %w", k.name, err)
		}
		reference.WriteString(described)
	}
	return write(apiFile, []byte(reference.String()))
}

// generate writes the files of one kind, and returns its part of the API's reference.
func generate(k kind) (string, error) {
	crd, err := os.ReadFile(k.crdFile())
	if err != nil {
		return "", fmt.Errorf("reading the CRD: %w", err)
	}
	trimmed, err := trim(crd)
	if err != nil {
		return "", fmt.Errorf("trimming the CRD: %w", err)
	}
	spec, err := specDefinition(k, trimmed)
	if err != nil {
		return "", fmt.Errorf("deriving the CUE definition: %w", err)
	}
	reference, err := apiReference(k, trimmed)
	if err != nil {
		return "", fmt.Errorf("describing the API: %w", err)
	}
	if err := write(k.crdFile(), trimmed); err != nil {
		return "", err
	}
	return reference, write(k.cueFile(), spec)
}

func write(name string, content []byte) error {
	if err := os.WriteFile(name, content, 0o600); err != nil { //nolint:gosec // The names are this program's own.
		return fmt.Errorf("writing what was generated: %w", err)
	}
	return nil
}
