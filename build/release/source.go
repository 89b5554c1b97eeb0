package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// export writes the tag's files to r.source and sets the commit and its time.
func (r *release) export(ctx context.Context, repository string) error {
	if semver.Canonical(r.tag) != r.tag {
		return fmt.Errorf("--tag %s: want vX.Y.Z", r.tag)
	}
	output, err := git(ctx, repository, "log", "-1", "--format=%H %ct", "refs/tags/"+r.tag)
	if err != nil {
		return err
	}
	commit, seconds, _ := strings.Cut(strings.TrimSpace(string(output)), " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("reading the time of %s: %w", r.tag, err)
	}
	r.commit, r.time = commit, time.Unix(unix, 0).UTC()
	archive, err := git(ctx, repository, "archive", commit)
	if err != nil {
		return err
	}
	if err := extract(bytes.NewReader(archive), r.source); err != nil {
		return fmt.Errorf("extracting %s: %w", r.tag, err)
	}
	return nil
}

func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	return output(exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...))
}

// output runs a command and returns its standard output. The error contains its standard error.
func output(cmd *exec.Cmd) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// extract writes the folders and regular files of a tar archive below dir.
func extract(archive io.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // Nothing is written through it.
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.FromSlash(strings.TrimSuffix(header.Name, "/"))
		switch header.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o755)
		case tar.TypeReg:
			var content []byte
			if content, err = io.ReadAll(reader); err == nil {
				err = errors.Join(root.MkdirAll(filepath.Dir(name), 0o755), root.WriteFile(name, content, header.FileInfo().Mode().Perm()))
			}
		}
		if err != nil {
			return err
		}
	}
}

// binary returns the path of a compiled program.
func (r *release) binary(program, arch string) string {
	return filepath.Join(r.work, "linux-"+arch, program)
}

// compile compiles one program. The environment overrides the user's settings of the go
// command that would change the binary.
func (r *release) compile(ctx context.Context, program, arch string) error {
	ldflags := "-s -w -X github.com/dudaji/nufi/cmd/internal/program.version=" + r.tag
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags="+ldflags,
		"-o", r.binary(program, arch), "./cmd/"+program)
	cmd.Dir = r.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch,
		"GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off", "GOFLAGS=-mod=readonly", "GOWORK=off")
	_, err := output(cmd)
	return err
}
