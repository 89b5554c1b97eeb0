// Package nufi holds the CUE module: the contract, the accelerators' facts, the
// policy and the templates. The programs render the very bytes that `cue vet` saw.
package nufi

import "embed"

// module is the CUE module dudaji.com/nufi, as it stands in this repository.
//
//go:embed cue.mod/module.cue schemas/*/*.cue
var module embed.FS

// Module returns the CUE module dudaji.com/nufi as it was compiled in.
func Module() embed.FS { return module }
