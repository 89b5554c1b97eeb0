package templates

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	appsv1 "k8s.io/api/apps/v1"
)

// LabelStored is the label of ControllerRevisions that store a set. Its value is the digits of the digest.
const LabelStored = "dudaji.com/templates"

// StoredData is the data of a ControllerRevision that stores a set.
type StoredData struct {
	Archive []byte `json:"archive"` // see Pack
}

// unpackStored returns the files of the set that a ControllerRevision stores.
func unpackStored(revision *appsv1.ControllerRevision) (fs.FS, error) {
	var data StoredData
	if err := json.Unmarshal(revision.Data.Raw, &data); err != nil {
		return nil, fmt.Errorf("reading %s: %w", revision.Name, err)
	}
	return Unpack(data.Archive)
}

// ErrNotStored means that a set is not stored.
var ErrNotStored = errors.New("the controller does not keep these templates")

// FindStored returns the digest and the files of the set whose digest begins with the text.
func FindStored(stored []appsv1.ControllerRevision, digest string) (string, fs.FS, error) {
	for i := range stored {
		digits := stored[i].Labels[LabelStored]
		if strings.HasPrefix(digits, strings.TrimPrefix(digest, "sha256:")) {
			files, err := unpackStored(&stored[i])
			return "sha256:" + digits, files, err
		}
	}
	return "", nil, ErrNotStored
}

// Diff returns a unified diff of the files of two sets, whose paths begin with the names. It is empty if
// the sets are the same.
func Diff(beforeName string, before fs.FS, afterName string, after fs.FS) ([]byte, error) {
	var names []string
	for _, set := range []fs.FS{before, after} {
		err := fs.WalkDir(set, ".", func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				names = append(names, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	var deltas bytes.Buffer
	for _, name := range slices.Compact(names) {
		old, oldErr := readIfExists(before, name)
		changed, changedErr := readIfExists(after, name)
		if err := errors.Join(oldErr, changedErr); err != nil {
			return nil, err
		}
		deltas.Write(diff.Diff(beforeName+"/"+name, old, afterName+"/"+name, changed))
	}
	return deltas.Bytes(), nil
}

func readIfExists(set fs.FS, name string) ([]byte, error) {
	content, err := fs.ReadFile(set, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}
