#!/usr/bin/env bash
# github.com/fsnotify/fsnotify v1.9.0: of two names of a directory, one by a symbolic link, the second is added without an error and without events.
#
# Expected: a watcher to which /var/run/cdi and /run/cdi are added, of which one links to the other, reports each file under both names, or the second
# Add fails. Remove of one name leaves the other.
# Observed: the second Add succeeds, but the name is not in WatchList, and no event has it: events name the file below the first name only. A
# program that adds a directory per component, and gives events to components by their path, never calls the second. Remove of the second name
# is an error. Which name is the first depends on the order of the calls.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire github.com/fsnotify/fsnotify v1.9.0\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/fsnotify/fsnotify"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	must(0, os.Mkdir("real", 0o755))
	must(0, os.Symlink("real", "link"))
	for _, names := range [][]string{{"real", "link"}, {"link", "real"}} {
		watcher := must(fsnotify.NewWatcher())
		for _, name := range names {
			fmt.Printf("Add %s: %v\n", name, watcher.Add(name))
		}
		must(0, os.Mkdir("real/file", 0o755))
		must(0, os.Remove("real/file"))
		// The removal is the last event: no event of the creation follows it.
		for event := range watcher.Events {
			fmt.Println(" ", event)
			if event.Has(fsnotify.Remove) {
				break
			}
		}
		fmt.Printf("  watched: %v, Remove %s: %v\n", watcher.WatchList(), names[1], watcher.Remove(names[1]))
		must(0, watcher.Close())
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
Add real: <nil>
Add link: <nil>
  CREATE        "real/file"
  REMOVE        "real/file"
  watched: [real], Remove link: fsnotify: can't remove non-existent watch: link
Add link: <nil>
Add real: <nil>
  CREATE        "link/file"
  REMOVE        "link/file"
  watched: [link], Remove real: fsnotify: can't remove non-existent watch: real
OUT
echo 'as described'
