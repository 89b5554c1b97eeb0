#!/usr/bin/env bash
# cuelang.org/go v0.17.1: the ignored files of a package contain the files of other packages in all folders above it.
#
# Expected: build.Instance.IgnoredFiles lists the files of the package's folder that are not part of it, as go/build does, so that a
# program can report a file that has no effect, such as one with a misspelled package clause.
# Observed: a package contains the files of its name in the folders above, up to the root of the module. Each file there of another package
# is looked at, too, and is listed as ignored, with the package that was wanted as the reason, although it is part of its own package. Here,
# the package in schemas/servers/engine ignores the files of three others. Files without a package clause, in contrast, are listed for their own folder only.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire cuelang.org/go v0.17.1\n' > go.mod
mkdir -p module/cue.mod module/schemas/servers/engine
printf 'module: "example.com/finding"\nlanguage: version: "v0.17.0"\n' > module/cue.mod/module.cue
printf 'package finding\n' > module/main.cue
printf 'package schemas\n' > module/schemas/schemas.cue
printf 'package servers\n' > module/schemas/servers/servers.cue
printf 'replicas: 1\n' > module/schemas/servers/none.cue
printf 'package engine\n' > module/schemas/servers/engine/engine.cue
printf 'package engin\n' > module/schemas/servers/engine/misspelled.cue
printf 'package engine\n' > module/schemas/shared.cue
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/load"
)

func main() {
	folder, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	root := filepath.Join(folder, "module")
	name := func(file *build.File) string {
		relative, err := filepath.Rel(root, file.Filename)
		if err != nil {
			panic(err)
		}
		return relative
	}
	for _, instance := range load.Instances([]string{"./schemas:schemas", "./schemas/servers", "./schemas/servers/engine:engine"}, &load.Config{Dir: root}) {
		if instance.Err != nil {
			panic(instance.Err)
		}
		fmt.Println(instance.ImportPath)
		for _, file := range instance.BuildFiles {
			fmt.Println("  contains", name(file))
		}
		for _, file := range instance.IgnoredFiles {
			fmt.Printf("  ignores %s: %v\n", name(file), file.ExcludeReason)
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
example.com/finding/schemas@v0
  contains schemas/schemas.cue
  ignores main.cue: package is finding, want schemas
  ignores schemas/shared.cue: package is engine, want schemas
example.com/finding/schemas/servers@v0
  contains schemas/servers/servers.cue
  ignores main.cue: package is finding, want servers
  ignores schemas/schemas.cue: package is schemas, want servers
  ignores schemas/shared.cue: package is engine, want servers
  ignores schemas/servers/none.cue: no package name
example.com/finding/schemas/servers/engine@v0
  contains schemas/shared.cue
  contains schemas/servers/engine/engine.cue
  ignores main.cue: package is finding, want engine
  ignores schemas/schemas.cue: package is schemas, want engine
  ignores schemas/servers/servers.cue: package is servers, want engine
  ignores schemas/servers/engine/misspelled.cue: package is engin, want engine
OUT
echo 'as described'
