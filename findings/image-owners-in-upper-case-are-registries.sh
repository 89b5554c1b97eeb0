#!/usr/bin/env bash
# github.com/distribution/reference v0.6.0: the first part of an image's name is a registry's host if it has a letter in upper case.
#
# Expected: Meta-Llama/server is rejected, as meta-llama/Server is and as by go-containerregistry, since names of repositories are in lower case. A
# host is a first part with a point or a port, or localhost.
# Observed: the kubelet and containerd, which parse names with this package, take it for the repository "server" of a host "Meta-Llama". The pod is not
# InvalidImageName: its node asks the DNS for the host, and the error is about a network. It happens with names of owners on Hugging Face and
# GitHub, which are in mixed case.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	github.com/distribution/reference v0.6.0
	github.com/google/go-containerregistry v0.22.1
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/name"
)

func main() {
	for _, image := range []string{"meta-llama/server", "Meta-Llama/server", "meta-llama/Server", "ghcr.io/Meta-Llama/server"} {
		kubelet := "rejected"
		if named, err := reference.ParseNormalizedNamed(image); err == nil {
			kubelet = fmt.Sprintf("%s of %s", reference.Path(named), reference.Domain(named))
		}
		crane := "rejected"
		if repository, err := name.NewRepository(image); err == nil {
			crane = fmt.Sprintf("%s of %s", repository.RepositoryStr(), repository.RegistryStr())
		}
		fmt.Printf("%s: reference: %s; go-containerregistry: %s\n", image, kubelet, crane)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
meta-llama/server: reference: meta-llama/server of docker.io; go-containerregistry: meta-llama/server of index.docker.io
Meta-Llama/server: reference: server of Meta-Llama; go-containerregistry: rejected
meta-llama/Server: reference: rejected; go-containerregistry: rejected
ghcr.io/Meta-Llama/server: reference: rejected; go-containerregistry: rejected
OUT
echo 'as described'
