package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// kept is how long a program is kept that nobody asks for. Another branch may want
// another version, and a day's work between two should not compile either again.
const kept = 7 * 24 * time.Hour

// trim removes the programs of a cache, and what killed builds left of some, that have
// not been asked for in a long time and do not run.
func trim(cache string, now time.Time) error {
	folders, err := filepath.Glob(filepath.Join(cache, "kube-*"))
	if err != nil {
		return err
	}
	for _, folder := range folders {
		info, err := os.Stat(folder)
		if err != nil || !info.IsDir() || now.Sub(info.ModTime()) < kept || inUse(folder) {
			continue
		}
		aside := folder + ".part" // as a whole: half of a program is never found
		if err := errors.Join(os.Rename(folder, aside), os.RemoveAll(aside)); err != nil {
			return fmt.Errorf("removing an old control plane: %w", err)
		}
	}
	return nil
}

// inUse tells whether a folder's program cannot be written to: it is being executed, or
// is another user's.
func inUse(folder string) bool {
	file, err := os.OpenFile(filepath.Join(folder, binary), os.O_WRONLY, 0) //nolint:gosec // The cache is the user's own.
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	_ = file.Close() // nothing was written
	return false
}
