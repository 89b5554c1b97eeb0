// Command gen derives the CUE contract from the CRD that controller-gen made of the
// Go types, so that the three cannot differ:
//
//  1. trim the CRD in place: the descriptions of Kubernetes' own types go (they are
//     `kubectl explain pod`'s), else the CRD outgrows the 256 KiB annotation of a
//     client-side apply;
//  2. write schemas/npudeploy/spec_gen.cue: the definition #Spec, as `cue get crd`
//     would write it, but with choices that say in one line what they accept, and with
//     optional structs that CUE evaluates only where they are given;
//  3. write docs/api.md.
//
// Run it by `just gen`.
package main

import (
	"fmt"
	"os"
)

const (
	crdFile = "bundle/crd/dudaji.com_npudeploys.yaml"
	cueFile = "schemas/npudeploy/spec_gen.cue"
	apiFile = "docs/api.md"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	crd, err := os.ReadFile(crdFile)
	if err != nil {
		return fmt.Errorf("reading the CRD: %w", err)
	}
	trimmed, err := trim(crd)
	if err != nil {
		return fmt.Errorf("trimming the CRD: %w", err)
	}
	spec, err := specDefinition(trimmed)
	if err != nil {
		return fmt.Errorf("deriving the CUE definition: %w", err)
	}
	reference, err := apiReference(trimmed)
	if err != nil {
		return fmt.Errorf("describing the API: %w", err)
	}
	for name, content := range map[string][]byte{crdFile: trimmed, cueFile: spec, apiFile: reference} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return fmt.Errorf("writing what was generated: %w", err)
		}
	}
	return nil
}
