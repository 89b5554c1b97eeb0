// Package nufi embeds the files of the programs: the CUE module (the contract, the
// accelerators, the policy and the templates), the examples and the CRDs.
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

// CRD returns the YAML of the CustomResourceDefinition of npudeploys or projects.
func CRD(resource string) ([]byte, error) {
	return crds.ReadFile("bundle/crd/dudaji.com_" + resource + ".yaml")
}

// Module returns the compiled-in CUE module dudaji.com/nufi.
func Module() fs.FS { return module }

// Examples returns the folder examples: a folder for each, with an npudeploy.yaml or a
// project.yaml.
func Examples() fs.FS { return examples }
