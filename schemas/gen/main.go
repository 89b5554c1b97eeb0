// Command gen derives the CUE contract from the CRD that controller-gen made of the
// Go types, so that the three cannot differ:
//
//  1. trim the CRD in place: the descriptions of Kubernetes' own types go (they are
//     `kubectl explain pod`'s), else the CRD outgrows the 256 KiB annotation of a
//     client-side apply;
//  2. write schemas/npudeploy/spec_gen.cue: the definition #Spec, as `cue get crd`
//     would write it, but with choices that say in one line what they accept.
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
	if err := os.WriteFile(crdFile, trimmed, 0o600); err != nil {
		return fmt.Errorf("writing the CRD: %w", err)
	}
	spec, err := specDefinition(trimmed)
	if err != nil {
		return fmt.Errorf("deriving the CUE definition: %w", err)
	}
	if err := os.WriteFile(cueFile, spec, 0o600); err != nil {
		return fmt.Errorf("writing the CUE definition: %w", err)
	}
	return nil
}
