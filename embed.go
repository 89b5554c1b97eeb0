// Package nufi holds what the programs carry with them: the CUE module (the contract,
// the accelerators' facts, the policy and the templates) and the examples. They render
// the very bytes that `cue vet` saw.
package nufi

import (
	"embed"
	"io/fs"
)

//go:embed cue.mod/module.cue schemas/*/*.cue
var module embed.FS

//go:embed examples/*/npudeploy.yaml examples/*/project.yaml
var examples embed.FS

//go:embed bundle/crd/dudaji.com_*.yaml
var crds embed.FS

// CRD returns the CustomResourceDefinition of a resource of ours, npudeploys or projects,
// as YAML, as it is installed.
func CRD(resource string) ([]byte, error) {
	return crds.ReadFile("bundle/crd/dudaji.com_" + resource + ".yaml")
}

// Module returns the CUE module dudaji.com/nufi as it was compiled in.
func Module() fs.FS { return module }

// Examples returns the folder examples, a folder each with its npudeploy.yaml or
// project.yaml. Any set
// of templates has to render them.
func Examples() fs.FS { return examples }
