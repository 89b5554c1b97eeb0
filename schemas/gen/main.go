// Command gen generates the CUE contracts and docs/api.md from the CRDs that controller-gen
// generates from the Go types. For each kind it
//
//  1. removes from the CRD the descriptions of Kubernetes' own types, which `kubectl explain pod`
//     prints; with them the CRD exceeds the 256 KiB annotation of a client-side apply;
//  2. writes schemas/KIND/spec_gen.cue, with the definition #Spec of a kind that is rendered. Unlike
//     the output of `cue get crd`, its errors are readable, and CUE evaluates optional structs only if
//     they are present.
//
// `just gen` runs it.
package main

import (
	"fmt"
	"os"
	"strings"
)

const apiFile = "docs/api.md"

// kind is a kind of dudaji.com/v1. Templates render those with a contract.
type kind struct {
	name        string
	hasContract bool
}

func kinds() []kind {
	return []kind{{"NpuDeploy", true}, {"Project", true}, {"TemplateRollout", false}}
}

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
	reference.WriteString(apiMetadata)
	return write(apiFile, []byte(reference.String()))
}

// generate writes the files of a kind and returns its section of docs/api.md.
func generate(k kind) (string, error) {
	crd, err := os.ReadFile(k.crdFile())
	if err != nil {
		return "", fmt.Errorf("reading the CRD: %w", err)
	}
	trimmed, err := trim(crd)
	if err != nil {
		return "", fmt.Errorf("trimming the CRD: %w", err)
	}
	reference, err := apiReference(k, trimmed)
	if err != nil {
		return "", fmt.Errorf("describing the API: %w", err)
	}
	if err := write(k.crdFile(), trimmed); err != nil || !k.hasContract {
		return reference, err
	}
	spec, err := specDefinition(k, trimmed)
	if err != nil {
		return "", fmt.Errorf("deriving the CUE definition: %w", err)
	}
	return reference, write(k.cueFile(), spec)
}

func write(name string, content []byte) error {
	if err := os.WriteFile(name, content, 0o600); err != nil { //nolint:gosec // The names are this program's own.
		return fmt.Errorf("writing generated files: %w", err)
	}
	return nil
}
