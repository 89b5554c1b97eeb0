#!/usr/bin/env bash
# k8s.io/cri-client v0.37.2: tailLines of a pod's log counts the parts into which the runtime has divided a long line.
#
# Expected: with tailLines=1, as by kubectl logs --tail=1, the log is its last line. The kubelet joins the parts of a line that is longer than 16
# KiB, containerd's max_container_log_line_size: without tailLines, it is one line.
# Observed: each part counts as a line. The log begins in the middle of a long line, at most 16 KiB before its end, and with timestamps=true, that
# point has a timestamp as the begin of a line has. Servers that log requests, such as those of language models with their prompts, write
# such lines: a program that reads the last lines as JSON gets what is none.
#
# The program reads a file in the format of the CRI, as containerd writes it, by the kubelet's package.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire k8s.io/cri-client v0.37.2\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/cri-client/pkg/logs"
	"k8s.io/utils/ptr"
)

// part is what containerd writes at a time.
const part = 16 << 10

func main() {
	var file strings.Builder
	for i, line := range []string{"ready", `{"prompt":"` + strings.Repeat("x", 40000) + `"}`} {
		for second := 0; line != ""; second++ {
			size, tag := len(line), "F"
			if size > part {
				size, tag = part, "P"
			}
			fmt.Fprintf(&file, "2026-01-01T00:0%d:0%d.000000000Z stdout %s %s\n", i, second, tag, line[:size])
			line = line[size:]
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	name := filepath.Join(dir, "0.log")
	if err := os.WriteFile(name, []byte(file.String()), 0o600); err != nil {
		panic(err)
	}
	for _, tail := range []*int64{nil, ptr.To[int64](1), ptr.To[int64](2), ptr.To[int64](3), ptr.To[int64](4)} {
		var out bytes.Buffer
		if err := logs.ReadLogs(context.Background(), name, "", &logs.LogOptions{TailLines: tail, Timestamp: true}, nil, &out, &out); err != nil {
			panic(err)
		}
		title := "all"
		if tail != nil {
			title = fmt.Sprint("tailLines=", *tail)
		}
		fmt.Println(title)
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			fmt.Printf("  %.45s (%d bytes)\n", line, len(line))
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
all
  2026-01-01T00:00:00.000000000Z ready (36 bytes)
  2026-01-01T00:01:00.000000000Z {"prompt":"xxx (40044 bytes)
tailLines=1
  2026-01-01T00:01:02.000000000Z xxxxxxxxxxxxxx (7276 bytes)
tailLines=2
  2026-01-01T00:01:01.000000000Z xxxxxxxxxxxxxx (23660 bytes)
tailLines=3
  2026-01-01T00:01:00.000000000Z {"prompt":"xxx (40044 bytes)
tailLines=4
  2026-01-01T00:00:00.000000000Z ready (36 bytes)
  2026-01-01T00:01:00.000000000Z {"prompt":"xxx (40044 bytes)
OUT
echo 'as described'
