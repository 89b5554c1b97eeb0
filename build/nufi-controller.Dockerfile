# The controller, with the default templates.
#
#   docker build -f build/nufi-controller.Dockerfile --build-arg VERSION=v0.1.0 -t dudaji/nufi-controller:v0.1.0 .
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
    go build -trimpath -ldflags="-s -w -X github.com/dudaji/nufi/cmd/internal/program.version=${VERSION}" -o /out/nufi-controller ./cmd/nufi-controller

FROM scratch
ARG VERSION
LABEL org.opencontainers.image.title=nufi-controller \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=build /out/nufi-controller /nufi-controller
USER 65532:65532
ENTRYPOINT ["/nufi-controller"]
