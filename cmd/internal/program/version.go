package program

import (
	"cmp"
	"runtime/debug"
)

// version is a release's, where the linker sets it: an image is built without the history.
var version string

// Version is a release's tag, or the commit that was compiled, as the go command knows it:
// (devel) for `go run`.
func Version() string {
	built := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		built = info.Main.Version
	}
	return cmp.Or(version, built, "(unknown)")
}
