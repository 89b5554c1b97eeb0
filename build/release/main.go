// Command release builds a release of NuFi from a git tag: the programs, the images, the
// install bundle, the SBOMs, the notes and the checksums. It needs no network beyond the Go
// module cache, and it pushes nothing.
//
//	go run . --tag v0.1.0 --registry registry.example.com/nufi
//
// The files of a release are the same for everyone who builds it with the same version of Go:
// it compiles the files of the tag, not the working tree, and all times are the commit's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// programs are the folders in cmd/, with one image each.
const programs = "nufi,nufi-apiserver,nufi-controller,nufi-deviceplugin"

var errTagMissing = errors.New("--tag is required")

// release is one run.
type release struct {
	tag           string // vX.Y.Z
	registry      string // prefix of the images' names
	out           string // folder of the results
	programs      []string
	architectures []string

	source string    // folder of the tag's files
	work   string    // folder of intermediate files
	commit string    // hash
	time   time.Time // of the commit
}

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var r release
	var repository, programList, architectureList string
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.StringVar(&r.tag, "tag", "", "tag to release, vX.Y.Z")
	flags.StringVar(&r.registry, "registry", "dudaji", "registry of the images in the bundle")
	flags.StringVar(&repository, "repository", "../..", "folder of the git repository")
	flags.StringVar(&r.out, "out", "", "folder for the results (default dist/TAG in the repository)")
	flags.StringVar(&programList, "programs", programs, "programs to build")
	flags.StringVar(&architectureList, "architectures", "amd64,arm64", "architectures to build for, on Linux")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r.programs, r.architectures = strings.Split(programList, ","), strings.Split(architectureList, ",")
	if r.tag == "" {
		return errTagMissing
	}
	if r.out == "" {
		r.out = filepath.Join(repository, "dist", r.tag)
	}
	work, err := os.MkdirTemp("", "nufi-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) //nolint:errcheck // A temporary folder.
	r.work, r.source = work, filepath.Join(work, "source")
	if err := r.export(ctx, repository); err != nil {
		return err
	}
	return r.build(ctx)
}

// build builds everything from the exported files.
func (r *release) build(ctx context.Context) error {
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	notes, err := r.notes()
	if err != nil {
		return err
	}
	for _, arch := range r.architectures {
		for _, program := range r.programs {
			if err := r.compile(ctx, program, arch); err != nil {
				return err
			}
		}
		if err := r.archivePrograms(arch); err != nil {
			return fmt.Errorf("archiving the programs for %s: %w", arch, err)
		}
		if err := r.writeSBOM(arch); err != nil {
			return fmt.Errorf("writing the SBOM for %s: %w", arch, err)
		}
	}
	digests, err := r.writeImages()
	if err != nil {
		return fmt.Errorf("building the images: %w", err)
	}
	if err := r.writeBundle(digests); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	if err := r.writeNotes(notes, digests); err != nil {
		return fmt.Errorf("writing the notes: %w", err)
	}
	return writeChecksums(r.out)
}

// file returns the path of a result: nufi-TAG and a suffix.
func (r *release) file(suffix string) string {
	return filepath.Join(r.out, "nufi-"+r.tag+suffix)
}

// image returns the name of a program's image with its digest.
func (r *release) image(program string, digest v1.Hash) string {
	return r.registry + "/" + program + "@" + digest.String()
}
