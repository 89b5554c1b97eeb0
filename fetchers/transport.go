package fetchers

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// MaxResponse is the size of the largest response, in bytes: some 70,000 series at 15 s scrapes,
// or nine metrics of 7,900 GPUs. Beyond, metrics are queried one after the other.
const MaxResponse = 64 << 20

// smallResponse is how much of a response is read beside others, in bytes. Only one response is read beyond, so that
// those of all vendors together stay within memory.
const smallResponse = 8 << 20

func transport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		ForceAttemptHTTP2:      true,
	}
}

// secureTransport authenticates requests, and checks and bounds responses.
type secureTransport struct {
	next  http.RoundTripper
	token func() (string, error)
	large chan struct{} // of capacity 1: full while a response is read beyond smallResponse
}

func (t *secureTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	if t.token != nil {
		token, err := t.token()
		if err != nil {
			return nil, fmt.Errorf("%w: reading the token: %w", ErrUnauthorized, err)
		}
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if err := checkResponse(response); err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	response.Body = &limited{ReadCloser: response.Body, left: MaxResponse, large: t.large, done: request.Context().Done()}
	return response, nil
}

func checkResponse(response *http.Response) error {
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return fmt.Errorf("%w: %s", ErrUnauthorized, sanitize(response.Status))
	case code >= 300 && code < 400:
		return fmt.Errorf("%w: %s to %s", ErrRedirected, sanitize(response.Status), sanitize(response.Header.Get("Location")))
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch isJSON := strings.HasSuffix(kind, "json"); {
	case !isJSON && response.StatusCode >= 500:
		return fmt.Errorf("%w: %s", ErrUnreachable, sanitize(response.Status))
	case !isJSON:
		return fmt.Errorf("%w: %s, %q", ErrNotPrometheus, sanitize(response.Status), sanitize(kind))
	}
	return nil
}

// limited fails where io.LimitReader would end, so that a truncated response does not look
// complete. It reports a broken connection as unreachable.
type limited struct {
	io.ReadCloser
	left    int64
	isLarge bool
	large   chan struct{} // of secureTransport
	done    <-chan struct{}
}

var errAwaited = errors.New("awaiting the end of another response")

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("%w: %d bytes or more", ErrTooLarge, MaxResponse)
	}
	if !l.isLarge && l.left <= MaxResponse-smallResponse {
		select {
		case l.large <- struct{}{}:
			l.isLarge = true
		case <-l.done:
			return 0, errAwaited
		}
	}
	n, err := l.ReadCloser.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: reading the response: %w", ErrUnreachable, err)
	}
	return n, err
}

// Close lets another response be read beyond smallResponse.
func (l *limited) Close() error {
	if l.isLarge {
		l.isLarge = false
		<-l.large
	}
	return l.ReadCloser.Close()
}
