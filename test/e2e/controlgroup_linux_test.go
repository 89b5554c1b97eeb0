package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// controlGroup is the kubelet's root in the cgroup hierarchies. The kubelet ends unknown processes in
// it, and none outside.
type controlGroup struct{ folders []string }

// newControlGroup creates a group in each hierarchy of version 1, or in the one of version 2. On an
// error it returns the groups that it created.
func newControlGroup(name string) (controlGroup, error) {
	const root = "/sys/fs/cgroup"
	hierarchies := []string{root}
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if errors.Is(err, fs.ErrNotExist) {
		hierarchies, err = filepath.Glob(root + "/*/cgroup.procs")
		for i := range hierarchies {
			hierarchies[i] = filepath.Dir(hierarchies[i])
		}
	} else if err == nil {
		err = delegate(root, strings.Fields(string(controllers)))
	}
	if err != nil {
		return controlGroup{}, err
	}
	var group controlGroup
	for _, hierarchy := range hierarchies {
		folder := filepath.Join(hierarchy, name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return group, err
		}
		group.folders = append(group.folders, folder)
	}
	return group, nil
}

// delegate enables controllers for the groups below a folder of version 2.
func delegate(folder string, controllers []string) error {
	var on strings.Builder
	for _, controller := range controllers {
		on.WriteString("+" + controller + " ")
	}
	return os.WriteFile(filepath.Join(folder, "cgroup.subtree_control"), []byte(on.String()), 0o644)
}

// remove removes the groups, the deepest first. They have no processes any more.
func (g controlGroup) remove() error {
	var errs []error
	for _, folder := range g.folders {
		var below []string
		errs = append(errs, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				below = append(below, path)
			}
			return err
		}))
		for _, group := range slices.Backward(below) {
			errs = append(errs, os.Remove(group))
		}
	}
	return errors.Join(errs...)
}
