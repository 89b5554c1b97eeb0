# The device plugin. The DaemonSet sets runAsUser: 0, because the kubelet's socket directory
# belongs to root.
#
#   docker build -f build/nufi-deviceplugin.Dockerfile --build-arg VERSION=v0.1.0 -t dudaji/nufi-deviceplugin:v0.1.0 .
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
    go build -trimpath -ldflags="-s -w -X github.com/dudaji/nufi/cmd/internal/program.version=${VERSION}" -o /out/nufi-deviceplugin ./cmd/nufi-deviceplugin

FROM scratch
ARG VERSION
LABEL org.opencontainers.image.title=nufi-deviceplugin \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=build /out/nufi-deviceplugin /nufi-deviceplugin
USER 65532:65532
ENTRYPOINT ["/nufi-deviceplugin"]
