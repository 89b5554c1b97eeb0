#!/usr/bin/env bash
# net/http, Go 1.26: over HTTP/1.1 a read deadline cancels the context of a request that has no body.
#
# Expected: http.ResponseController.SetReadDeadline is, as documented, "the deadline for reading the entire
# request, including the body". A handler that sets one before it reads the body is bounded while it reads;
# the deadline has no effect on a request whose body is read, or that has none.
# Observed: for a request with a body that is so: at the end of the body the server clears the deadline. A
# request without a body is at its end before the handler starts, so that the deadline stays, and applies to
# the read by which the server notices that a client leaves. When it expires, the server takes the error for
# a lost connection and cancels the request's context while the handler runs. HTTP/2 does not do this.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n' > go.mod
cat > main.go <<'GO'
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

const (
	toRead = 300 * time.Millisecond
	toWork = 1500 * time.Millisecond
)

func handle(w http.ResponseWriter, r *http.Request) {
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(toRead)); err != nil {
		panic(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	select {
	case <-r.Context().Done():
		fmt.Fprintf(w, "%d bytes read, %v", len(body), r.Context().Err())
	case <-time.After(toWork):
		fmt.Fprintf(w, "%d bytes read, done", len(body))
	}
}

func main() {
	for _, http2 := range []bool{false, true} {
		for _, body := range []string{"body", ""} {
			server := httptest.NewUnstartedServer(http.HandlerFunc(handle))
			server.EnableHTTP2 = http2
			server.StartTLS()
			response, err := server.Client().Post(server.URL, "text/plain", strings.NewReader(body))
			if err != nil {
				panic(err)
			}
			answer, err := io.ReadAll(response.Body)
			if err != nil {
				panic(err)
			}
			fmt.Printf("%s: %s\n", response.Proto, answer)
			_ = response.Body.Close()
			server.Close()
		}
	}
}
GO
go run . > output
cat output
diff - output <<'OUT'
HTTP/1.1: 4 bytes read, done
HTTP/1.1: 0 bytes read, context canceled
HTTP/2.0: 4 bytes read, done
HTTP/2.0: 0 bytes read, done
OUT
echo 'as described'
