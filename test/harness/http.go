package harness

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Listen listens on loopback until the end of the test.
func Listen(tb testing.TB) net.Listener {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = listener.Close() })
	return listener
}

// Fetch returns what is served at a URL. A status other than 200 is an error.
func Fetch(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return string(content), err
}

// AwaitURL fetches a URL until it is served and contains the text, and returns the content.
func (h *Harness) AwaitURL(url, text string) string {
	h.Helper()
	var content string
	var last error
	defer func() {
		if h.Failed() {
			h.Logf("the last answer: %v: %s", last, content)
		}
	}()
	h.Await(url+" to contain "+text, func() bool {
		content, last = Fetch(h.Context(), url)
		return last == nil && strings.Contains(content, text)
	})
	return content
}
