package render

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/parser"

	"github.com/dudaji/nufi/internal/message"
)

// leftOut are the names of files that CUE leaves out of a package on purpose: hidden files, tests and commands.
var leftOut = regexp.MustCompile(`^[._]|_(test|tool)\.cue$`)

// ignored returns a violation for each file in the folders of the packages that CUE leaves out of all of them, although
// it does not say so itself: with another package clause or without one, or under a condition that nothing sets. CUE
// reports no error.
func ignored(instances []*build.Instance) []Violation {
	all := withImports(instances...)
	known := map[string]bool{} // A package's files are ignored by others in its folder and in the folders below.
	for _, instance := range all {
		for _, file := range instance.BuildFiles {
			known[file.Filename] = true
		}
	}
	var violations []Violation
	for _, instance := range all {
		for _, file := range instance.IgnoredFiles {
			if known[file.Filename] || path.Dir(file.Filename) != instance.Dir || isLeftOut(file) {
				continue
			}
			known[file.Filename] = true
			position := templatePosition(file.ExcludeReason.Position())
			position.Filename = cmp.Or(position.Filename, strings.TrimPrefix(file.Filename, "/"))
			violations = append(violations, Violation{
				Message:  message.Line("the file has no effect: "+file.ExcludeReason.Error(), maxMessage),
				Position: position,
			})
		}
	}
	return violations
}

// isLeftOut reports whether the name of the file, or @ignore(), says that it shall have no effect.
func isLeftOut(file *build.File) bool {
	if leftOut.MatchString(path.Base(file.Filename)) {
		return true
	}
	syntax, err := parser.ParseFile(file.Filename, file.Source)
	return err == nil && slices.ContainsFunc(syntax.Decls, func(decl ast.Decl) bool {
		attribute, ok := decl.(*ast.Attribute)
		return ok && strings.HasPrefix(attribute.Text, "@ignore(")
	})
}
