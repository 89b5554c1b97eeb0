package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
)

// newAPI returns an API that can serve its OpenAPI document only.
func newAPI(registry prometheus.Registerer) (*api.API, error) {
	return api.New(api.Options{
		Authenticator: auth.NewDev(auth.User{}), Users: &kube.UserClients{}, Live: &live.Cache{}, Devices: &devices.Store{},
		Templates:     func() *render.Templates { return nil },
		TemplateState: func() templates.State { return templates.State{} },
		Log:           logr.Discard(), Registry: registry, Clock: time.Now, Limits: api.DefaultLimits(),
	})
}

// routes returns the operations of the OpenAPI document, without the dashboard's.
func routes(ctx context.Context) (string, error) {
	server, err := newAPI(prometheus.NewRegistry())
	if err != nil {
		return "", err
	}
	response := httptest.NewRecorder()
	server.ServeHTTP(response, httptest.NewRequestWithContext(ctx, http.MethodGet, "/openapi.json", http.NoBody))
	var document struct {
		Paths map[string]map[string]struct {
			Summary string `json:"summary"`
		} `json:"paths"`
	}
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
		return "", fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	var rows [][]string
	for path, operations := range document.Paths {
		if !strings.HasPrefix(path, "/api/") {
			continue
		}
		for method, operation := range operations {
			rows = append(rows, []string{strings.ToUpper(method), "`" + path + "`", operation.Summary})
		}
	}
	slices.SortFunc(rows, func(a, b []string) int {
		return cmp.Or(cmp.Compare(strings.Trim(a[1], "`"), strings.Trim(b[1], "`")), cmp.Compare(a[0], b[0]))
	})
	return table([]string{"Method", "Path", "Purpose"}, rows), nil
}
