package deviceplugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/dudaji/nufi/deviceplugin/kubelet"
)

// handler serves the metrics, and the probes of the plugin's pod.
func handler(registry *prometheus.Registry, registration *kubelet.Registration) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}))
	mux.HandleFunc("GET /healthz", respond(registration.Alive))
	mux.HandleFunc("GET /readyz", respond(registration.Ready))
	return mux
}

func respond(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok") // the client disconnected if this fails
	}
}

// serveHTTP serves on the listener until the context ends.
func serveHTTP(listener net.Listener, h http.Handler) part {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 15 * time.Second, IdleTimeout: time.Minute}
	return func(ctx context.Context) error {
		done := make(chan error, 1)
		go func() { done <- server.Serve(listener) }()
		select {
		case err := <-done:
			return fmt.Errorf("serving metrics and health: %w", err)
		case <-ctx.Done():
		}
		err := server.Close() // a scrape can be repeated
		if serveErr := <-done; !errors.Is(serveErr, http.ErrServerClosed) {
			err = errors.Join(err, serveErr)
		}
		return err
	}
}
