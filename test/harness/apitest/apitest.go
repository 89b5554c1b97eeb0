// Package apitest runs NuFi's API server inside a test, with the rights that bundle/ grants
// to its service account and no others, and sends requests to it.
//
//	h := harness.New(t)
//	h.Install("bundle/rbac/user_roles.yaml")
//	h.Bind("nufi-view", h.Namespace, "vic")
//	s := apitest.Start(h)
//	s.Do("vic", http.MethodGet, "/api/v1/me", "").Want(http.StatusOK)
//
// A user is authenticated by name, which is the bearer token. A name without a binding
// has no rights.
package apitest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/server"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
	"github.com/dudaji/nufi/test/harness"
)

// Server is a running API server. It ends with the test.
type Server struct {
	*harness.Harness

	API      *api.API
	Users    *kube.UserClients
	Cache    *live.Cache
	URL      string
	Registry *prometheus.Registry
	Log      *Log

	client *http.Client
}

// NewCache returns a cache with an access of its own, which ends with the test.
func NewCache(h *harness.Harness, config *rest.Config) *live.Cache {
	h.Helper()
	cache := newCache(h, config)
	runUntilCleanup(h, cache.Run)
	return cache
}

// Start runs an API server. All servers of a process share one cache of the cluster.
func Start(h *harness.Harness, change ...func(*api.Options)) *Server {
	h.Helper()
	return start(h, shared.open(h), change)
}

// StartIsolated runs an API server whose cache is its own and ends with the test.
func StartIsolated(h *harness.Harness, change ...func(*api.Options)) *Server {
	h.Helper()
	return start(h, NewCache(h, h.APIServerConfig()), change)
}

func start(h *harness.Harness, cache *live.Cache, change []func(*api.Options)) *Server {
	h.Helper()
	h.Await("the server's cache to be filled", cache.Ready)
	s := &Server{
		Harness: h, Registry: prometheus.NewRegistry(), Log: &Log{},
		client: &http.Client{
			Transport: &http.Transport{
				MaxIdleConnsPerHost: 100, ReadBufferSize: 64 << 10,
				ExpectContinueTimeout: harness.Timeout, // A test decides what is sent when.
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	users, err := kube.NewUserClients(h.APIServerConfig())
	h.Must(err)
	store, err := templates.Open("", templates.Hooks{})
	h.Must(err)
	options := api.Options{
		Authenticator: ByName{}, Users: users, Templates: store.Serving, TemplateState: store.State,
		Live: cache, Devices: devices.NewStore(cache, func() *render.Catalogue { return store.Serving().Catalogue }, nil),
		Log: s.Log.Logger(), Registry: s.Registry, Clock: time.Now, Limits: api.DefaultLimits(),
	}
	options.Limits.User.PerSecond = 1000 // Tests repeat requests more often than a user until something has changed.
	for _, set := range change {
		set(&options)
	}
	s.Users, s.Cache = options.Users, options.Live
	runUntilCleanup(h, options.Devices.Run)
	s.API, err = api.New(options)
	h.Must(err)
	listening := httptest.NewUnstartedServer(s.API)
	listening.Config.ConnContext = server.LimitSendBuffer
	listening.Start()
	s.URL = listening.URL
	h.Cleanup(func() {
		s.client.CloseIdleConnections()
		s.API.EndStreams()
		listening.Close()
	})
	return s
}

// shared is the cache of all servers of Start.
var shared sharedCache //nolint:gochecknoglobals // Filled once for all tests of a process.

type sharedCache struct {
	once  sync.Once
	cache *live.Cache
}

// open returns the cache, which ends with the process.
func (s *sharedCache) open(h *harness.Harness) *live.Cache {
	h.Helper()
	s.once.Do(func() {
		s.cache = newCache(h, h.APIServerConfig())
		go func() { _ = s.cache.Run(context.WithoutCancel(h.Context())) }()
	})
	if s.cache == nil {
		h.Fatal("the server's cache could not be started")
	}
	return s.cache
}

func newCache(h *harness.Harness, config *rest.Config) *live.Cache {
	h.Helper()
	system, err := kube.NewSystemClient(config)
	h.Must(err)
	cache, err := live.New(context.WithoutCancel(h.Context()), system, time.Now)
	h.Must(err)
	return cache
}

// runUntilCleanup fails the test if the part ends with an error.
func runUntilCleanup(h *harness.Harness, part func(context.Context) error) {
	h.Helper()
	ctx, cancel := context.WithCancel(h.Context())
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	h.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			h.Error(err)
		}
	})
}

// ByName authenticates a bearer token as the user of that name, with Groups. If Names is
// not empty, other names are invalid.
type ByName struct{ Names, Groups []string }

// Authenticate returns the request's user.
func (b ByName) Authenticate(r *http.Request) (auth.User, error) {
	name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return auth.User{}, auth.ErrNoCredentials
	}
	if len(b.Names) == 0 {
		return auth.NewUser(name, b.Groups)
	}
	for _, valid := range b.Names {
		if valid == name {
			return auth.NewUser(name, b.Groups)
		}
	}
	return auth.User{}, &auth.InvalidError{Reason: "no user has this name"}
}
