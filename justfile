# What one does here. The checks themselves are in .ci/run.

# list what there is
default:
    @just --list --unsorted

# start a cluster on this machine, with NuFi in it
up *flags:
    go run ./cmd/nufi up {{flags}}

# every check, as CI runs it
check:
    .ci/run

# every test that needs no root
test *flags:
    go test ./... {{flags}}

lint:
    .ci/run format tidy cue lint

# format Go and CUE
fmt:
    go tool -modfile=tools/go.mod golangci-lint fmt
    go tool cue fmt ./...

# rewrite what is derived from the Go types: deep copies, CRD, CUE contract, RBAC, docs
gen:
    .ci/run gen

# rewrite what tests compare with
golden:
    .ci/run golden

# the figures of docs/benchmarks.md
bench:
    go test -run '^$' -bench . -benchmem ./internal/render
    go test -run '^$' -bench . -benchtime 1x -timeout 30m ./test/fleet

# print the manifests of a spec: just render examples/llama-8b/npudeploy.yaml
render *files:
    go run ./cmd/nufi render {{ prepend('-f ', files) }}

# print what `kubectl apply -k bundle` installs
bundle:
    kubectl kustomize bundle

# build the programs
build:
    CGO_ENABLED=0 go build -o bin/ ./cmd/...
