# Shortcuts for contributors. The checks are in .ci/run.

# list the recipes
default:
    @just --list --unsorted

# start a cluster with NuFi on this machine
up *flags:
    go run ./cmd/nufi up {{flags}}

# run every check, as CI does
check:
    .ci/run

# run every test that does not require root
test *flags:
    go test -timeout 20m ./... {{flags}}

lint:
    .ci/run format tidy cue lint

# format Go and CUE
fmt:
    go tool -modfile=tools/go.mod golangci-lint fmt
    go tool cue fmt ./...

# generate deep copies, CRDs, CUE contract, RBAC and tables of the docs
gen:
    .ci/run gen

# rewrite the golden files of tests
golden:
    .ci/run golden

# run the benchmarks of docs/benchmarks.md
bench:
    go test -run '^$' -bench . -benchmem ./internal/render
    go test -run '^$' -bench . -benchtime 1x -timeout 30m ./test/fleet

# print the manifests of a spec: just render examples/llama-8b/npudeploy.yaml
render *files:
    go run ./cmd/nufi render {{ prepend('-f ', files) }}

# print the manifests of the bundle
bundle:
    kubectl kustomize bundle

# build the files of a release in dist/TAG: just release v0.1.0
release tag *flags:
    cd build/release && go run . --tag {{tag}} {{flags}}

# build the programs
build:
    CGO_ENABLED=0 go build -o bin/ ./cmd/...
