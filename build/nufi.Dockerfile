# The command line, for CI: nufi vet and nufi render require only files.
#
#   docker build -f build/nufi.Dockerfile --build-arg VERSION=v0.1.0 -t dudaji/nufi:v0.1.0 .
#
# Set GO_IMAGE to use a mirror or to pin a digest.
ARG GO_IMAGE=golang:1.26.8-bookworm
ARG VERSION=dev
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION
ENV CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} GOFLAGS=-mod=readonly
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -ldflags="-s -w -X github.com/dudaji/nufi/cmd/internal/program.version=${VERSION}" -o /out/nufi ./cmd/nufi

FROM scratch
ARG VERSION
LABEL org.opencontainers.image.title=nufi \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.licenses=Apache-2.0
# For a Prometheus or a cluster with a publicly signed certificate.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/nufi /nufi
USER 65532:65532
ENTRYPOINT ["/nufi"]
