package dashboard

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"sync"
)

// compressors are writers for reuse: each has 800 kB of memory.
type compressors struct{ pool sync.Pool }

func (c *compressors) compress(content []byte) []byte {
	writer, _ := c.pool.Get().(*gzip.Writer)
	if writer == nil {
		writer = gzip.NewWriter(nil)
	}
	defer c.pool.Put(writer)
	var compressed bytes.Buffer
	writer.Reset(&compressed)
	_, _ = writer.Write(content) // a buffer returns no error
	_ = writer.Close()
	return compressed.Bytes()
}

// acceptsGzip reports whether the client accepts gzip.
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		if name, quality, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";"); name == "gzip" && quality != "q=0" {
			return true
		}
	}
	return false
}

// setGzip sets the headers of a response that is compressed if the client accepts it, and returns
// whether it is. Pages contain no secret that an attacker could guess from the length.
func setGzip(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Add("Vary", "Accept-Encoding")
	if !acceptsGzip(r) {
		return false
	}
	w.Header().Set("Content-Encoding", "gzip")
	return true
}
