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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// LabelStored is the label of ControllerRevisions that store a set. Its value is the digits of the digest.
const LabelStored = "dudaji.com/templates"

// digestPrefix is what a digest has before its digits.
const digestPrefix = "sha256:"

// storedData is the data of a ControllerRevision that stores a set.
type storedData struct {
	Archive []byte `json:"archive"` // see Pack
}

// StoredMeta returns the metadata of the ControllerRevision that stores a set.
func StoredMeta(namespace, digest string) metav1.ObjectMeta {
	digits := strings.TrimPrefix(digest, digestPrefix)
	return metav1.ObjectMeta{Namespace: namespace, Name: "nufi-templates-" + digits, Labels: map[string]string{LabelStored: digits}}
}

// NewStored returns the ControllerRevision that stores a set, with its number. The archive is that of Pack.
func NewStored(namespace, digest string, archive []byte, number int64) (*appsv1.ControllerRevision, error) {
	data, err := json.Marshal(storedData{archive})
	if err != nil {
		return nil, err
	}
	return &appsv1.ControllerRevision{
		ObjectMeta: StoredMeta(namespace, digest), Data: runtime.RawExtension{Raw: data}, Revision: number,
	}, nil
}

// ReadStored returns the digest and the archive of the set that a ControllerRevision stores.
func ReadStored(stored *appsv1.ControllerRevision) (digest string, archive []byte, err error) {
	var data storedData
	if err := json.Unmarshal(stored.Data.Raw, &data); err != nil {
		return "", nil, fmt.Errorf("reading %s: %w", stored.Name, err)
	}
	return digestPrefix + stored.Labels[LabelStored], data.Archive, nil
}

// ErrNotStored means that a set is not stored.
var ErrNotStored = errors.New("the controller does not keep these templates")

// FindStored returns the digest and the files of the set whose digest begins with the text.
func FindStored(stored []appsv1.ControllerRevision, digest string) (string, fs.FS, error) {
	for i := range stored {
		if !strings.HasPrefix(stored[i].Labels[LabelStored], strings.TrimPrefix(digest, digestPrefix)) {
			continue
		}
		whole, archive, err := ReadStored(&stored[i])
		if err != nil {
			return "", nil, err
		}
		files, err := Unpack(archive)
		return whole, files, err
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
