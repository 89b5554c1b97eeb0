#!/usr/bin/env bash
# k8s.io/cri-client v0.37.2: the kubelet writes a line of stderr into the middle of a line of stdout.
#
# Expected: a pod's log has the lines of both streams, each whole, as the streams have them: the runtime's file says of each part which
# stream it belongs to, and whether the line ends with it.
# Observed: the kubelet joins what follows a part, whatever stream it is of. If a line of stderr is written while stdout is within a line of
# more than 16 KiB, which containerd divides, it continues that line, without its own timestamp, and the rest of the line of stdout
# becomes a line of its own. The streams by themselves, as of the alpha feature PodLogsQuerySplitStreams, are damaged, too: the timestamp is within
# the line of stdout, and absent from that of stderr. A traceback of a server that logs long requests is found neither at the begin of a line nor at
# its time.
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
)

func main() {
	file := strings.Join([]string{
		"2026-01-01T00:00:00.000000000Z stdout P {\"prompt\":\"" + strings.Repeat("x", 16<<10),
		"2026-01-01T00:00:01.000000000Z stderr F warning",
		"2026-01-01T00:00:02.000000000Z stdout F xxx\"}\n",
	}, "\n")
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	name := filepath.Join(dir, "0.log")
	if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
		panic(err)
	}
	var log, stdout, stderr bytes.Buffer
	for _, target := range [][2]*bytes.Buffer{{&log, &log}, {&stdout, &stderr}} {
		if err := logs.ReadLogs(context.Background(), name, "", &logs.LogOptions{Timestamp: true}, nil, target[0], target[1]); err != nil {
			panic(err)
		}
	}
	for _, shown := range []struct{ title, text string }{{"log", log.String()}, {"stdout", stdout.String()}, {"stderr", stderr.String()}} {
		fmt.Println(shown.title)
		for line := range strings.Lines(shown.text) {
			line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), strings.Repeat("x", 16<<10), "x...x")
			fmt.Printf("  %s\n", line)
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
log
  2026-01-01T00:00:00.000000000Z {"prompt":"x...xwarning
  2026-01-01T00:00:02.000000000Z xxx"}
stdout
  2026-01-01T00:00:00.000000000Z {"prompt":"x...x2026-01-01T00:00:02.000000000Z xxx"}
stderr
  warning
OUT
echo 'as described'
