# The API server. It is stateless.
#
#   docker build -f build/nufi-apiserver.Dockerfile --build-arg VERSION=v0.1.0 -t dudaji/nufi-apiserver:v0.1.0 .
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
    go build -trimpath -ldflags="-s -w -X github.com/dudaji/nufi/cmd/internal/program.version=${VERSION}" -o /out/nufi-apiserver ./cmd/nufi-apiserver

FROM scratch
ARG VERSION
LABEL org.opencontainers.image.title=nufi-apiserver \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.licenses=Apache-2.0
# For OIDC providers with publicly signed certificates.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/nufi-apiserver /nufi-apiserver
USER 65532:65532
ENTRYPOINT ["/nufi-apiserver"]
