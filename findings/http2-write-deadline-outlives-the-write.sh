#!/usr/bin/env bash
# net/http, Go 1.26: over HTTP/2 a write deadline ends the response even when no write is pending.
#
# Expected: http.ResponseController.SetWriteDeadline bounds writes, as it does over HTTP/1.1: a
# handler that sets one before each event of a stream and then waits longer than that for the
# next event is not affected while it waits.
# Observed: over HTTP/2 the deadline is a timer on the stream. When it expires between two
# writes, the server resets the stream; the next write fails, and the client loses the response.
# A server that streams events must clear the deadline after each write.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"
)

// events sends two events, the second one after the deadline of the first has expired.
func events(w http.ResponseWriter, _ *http.Request) {
	control := http.NewResponseController(w)
	for i := range 2 {
		if i > 0 {
			<-time.After(600 * time.Millisecond)
		}
		if err := control.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			panic(err)
		}
		fmt.Fprintf(w, "event %d\n", i)
		if err := control.Flush(); err != nil {
			return
		}
	}
}

func main() {
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(events))
		server.EnableHTTP2 = http2
		server.StartTLS()
		response, err := server.Client().Get(server.URL)
		if err != nil {
			panic(err)
		}
		lines := bufio.NewScanner(response.Body)
		count := 0
		for lines.Scan() {
			count++
		}
		fmt.Printf("%s: %d of 2 events, error: %t\n", response.Proto, count, lines.Err() != nil)
		_ = response.Body.Close()
		server.Close()
	}
}
GO
go run . > output 2> /dev/null
cat output
diff - output <<'OUT'
HTTP/1.1: 2 of 2 events, error: false
HTTP/2.0: 1 of 2 events, error: true
OUT
echo 'as described'
