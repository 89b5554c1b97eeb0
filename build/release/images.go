package main

import (
	"bytes"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// writeImages writes an OCI archive with an image of each program, tagged PROGRAM:TAG and
// with all architectures. It returns the digests by program.
func (r *release) writeImages() (map[string]v1.Hash, error) {
	all, digests := mutate.IndexMediaType(empty.Index, types.OCIImageIndex), map[string]v1.Hash{}
	for _, program := range r.programs {
		index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
		for _, arch := range r.architectures {
			image, err := r.newImage(program, arch)
			if err != nil {
				return nil, err
			}
			platform := &v1.Platform{OS: "linux", Architecture: arch}
			index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
		}
		digest, err := index.Digest()
		if err != nil {
			return nil, err
		}
		digests[program] = digest
		all = mutate.AppendManifests(all, mutate.IndexAddendum{Add: index, Descriptor: v1.Descriptor{
			Annotations: map[string]string{"org.opencontainers.image.ref.name": program + ":" + r.tag},
		}})
	}
	dir := filepath.Join(r.work, "images")
	if _, err := layout.Write(dir, all); err != nil {
		return nil, err
	}
	entries, err := readEntries(dir, "")
	if err != nil {
		return nil, err
	}
	return digests, writeArchive(r.file("-images.tar"), r.time, entries)
}

// newImage returns an image with one layer: the program and root certificates.
func (r *release) newImage(program, arch string) (v1.Image, error) {
	content, err := os.ReadFile(r.binary(program, arch))
	if err != nil {
		return nil, err
	}
	files := []entry{
		{name: program, mode: 0o755, content: content},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: rootCertificates()},
	}
	var tar bytes.Buffer
	if err := writeTar(&tar, r.time, files); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(tar.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
	image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: r.time}}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, r.configure(config.DeepCopy(), program, arch))
}

// configure sets what build/Dockerfile sets, and the commit.
func (r *release) configure(config *v1.ConfigFile, program, arch string) *v1.ConfigFile {
	config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: r.time}
	config.Config.User = "65532:65532"
	config.Config.Entrypoint = []string{"/" + program}
	config.Config.Labels = map[string]string{
		"org.opencontainers.image.title":    program,
		"org.opencontainers.image.version":  r.tag,
		"org.opencontainers.image.revision": r.commit,
		"org.opencontainers.image.licenses": "Apache-2.0",
	}
	return config
}

// rootCertificates returns Mozilla's root certificates, without those that are trusted only
// under constraints, which a PEM file cannot express.
func rootCertificates() []byte {
	var file bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			file.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return file.Bytes()
}
