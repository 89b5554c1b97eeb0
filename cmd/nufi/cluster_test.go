package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// slowServer responds after a time, with a body that ends after another.
type slowServer struct{ header, body time.Duration }

func (s slowServer) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := await(request, s.header); err != nil {
		return nil, err
	}
	return &http.Response{Body: io.NopCloser(slowBody{request, s.body})}, nil
}

type slowBody struct {
	request *http.Request
	takes   time.Duration
}

func (b slowBody) Read([]byte) (int, error) { return 0, errors.Join(await(b.request, b.takes), io.EOF) }

// await returns the error of a request that ends before the time has passed.
func await(request *http.Request, takes time.Duration) error {
	select {
	case <-request.Context().Done():
		return request.Context().Err()
	case <-time.After(takes):
		return nil
	}
}

func TestServerThatDoesNotRespondIsReported(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method string
		server slowServer
		want   error
	}{
		"a read without a response":  {http.MethodGet, slowServer{header: time.Hour}, errNoResponse},
		"a slow read":                {http.MethodGet, slowServer{header: readTimeout - time.Second}, nil},
		"a watch":                    {http.MethodGet, slowServer{body: time.Hour}, nil},
		"a write with slow webhooks": {http.MethodPatch, slowServer{header: time.Minute}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				request, err := http.NewRequestWithContext(t.Context(), test.method, "https://server", nil)
				if err != nil {
					t.Fatal(err)
				}
				response, err := timedReads{test.server}.RoundTrip(request)
				if !errors.Is(err, test.want) {
					t.Fatalf("error %v, want %v", err, test.want)
				}
				if err != nil {
					return
				}
				defer func() { _ = response.Body.Close() }()
				if _, err := response.Body.Read(nil); errors.Is(err, context.Canceled) || !errors.Is(err, io.EOF) {
					t.Errorf("the body ends with %v", err)
				}
			})
		})
	}
}
