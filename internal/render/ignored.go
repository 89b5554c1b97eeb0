package render

import (
	"cmp"
	"path"
	"regexp"
	"strings"

	"cuelang.org/go/cue/build"

	"github.com/dudaji/nufi/internal/message"
)

// leftOut are the names of files that CUE leaves out of a package on purpose: hidden files, tests and commands.
var leftOut = regexp.MustCompile(`^[._]|_(test|tool)\.cue$`)

// addIgnored collects the files of instance, and of what it imports, that CUE leaves out although their names do not
// say so: with another package clause or without one, or under a condition that nothing sets. CUE reports no error.
func (t *Templates) addIgnored(instance *build.Instance, seen map[*build.Instance]bool) {
	if seen[instance] {
		return
	}
	seen[instance] = true
	for _, file := range instance.IgnoredFiles {
		if leftOut.MatchString(path.Base(file.Filename)) {
			continue
		}
		position := file.ExcludeReason.Position().Position()
		position.Filename = cmp.Or(position.Filename, file.Filename)
		position.Filename = strings.TrimPrefix(position.Filename, "/")
		t.Ignored = append(t.Ignored, Violation{
			Message:  message.Line("the file has no effect: "+file.ExcludeReason.Error(), maxMessage),
			Position: position,
		})
	}
	for _, imported := range instance.Imports {
		t.addIgnored(imported, seen)
	}
}
