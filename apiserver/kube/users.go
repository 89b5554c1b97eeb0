package kube

import (
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/dudaji/nufi/apiserver/auth"
)

// discoveryTimeout bounds discovery. The calls of users end with their context.
const discoveryTimeout = 30 * time.Second

// UserClients creates clients that act as users. It is safe for concurrent use.
type UserClients struct {
	own     http.RoundTripper // with the server's credentials
	plain   http.RoundTripper // without credentials
	config  *rest.Config      // without credentials and transport
	scheme  *runtime.Scheme
	mapper  meta.RESTMapper
	reviews *reviews
}

// NewUserClients returns a UserClients that impersonates with the credentials of config, which it also
// uses for discovery. Wrappers wrap the transport of the users' calls, and can read credentials.
func NewUserClients(config *rest.Config, wrappers ...transport.WrapperFunc) (*UserClients, error) {
	scheme, err := NewScheme()
	if err != nil {
		return nil, err
	}
	own, err := rest.TransportFor(config)
	if err != nil {
		return nil, fmt.Errorf("creating the transport: %w", err)
	}
	anonymous := rest.AnonymousClientConfig(config)
	plain, err := rest.TransportFor(anonymous)
	if err != nil {
		return nil, fmt.Errorf("creating the transport without credentials: %w", err)
	}
	own, plain = breakingTransport{own}, breakingTransport{plain}
	mapper, err := apiutil.NewDynamicRESTMapper(config, &http.Client{Transport: own, Timeout: discoveryTimeout})
	if err != nil {
		return nil, fmt.Errorf("creating the mapper: %w", err)
	}
	if wrap := transport.Wrappers(wrappers...); wrap != nil {
		own, plain = wrap(own), wrap(plain)
	}
	return &UserClients{own: own, plain: plain, config: addressOf(anonymous), scheme: scheme, mapper: mapper, reviews: newReviews()}, nil
}

// addressOf returns a configuration without transport settings, which UserClients sets, and without
// a rate limit, because API Priority and Fairness limits each user.
func addressOf(config *rest.Config) *rest.Config {
	return &rest.Config{
		Host:                      config.Host,
		APIPath:                   config.APIPath,
		ContentConfig:             config.ContentConfig,
		UserAgent:                 "nufi-apiserver",
		QPS:                       -1,
		WarningHandlerWithContext: warnings{},
	}
}

// Client returns a client of the user, or an error for the zero User. It is cheap: each
// request creates one.
func (u *UserClients) Client(user auth.User) (*UserClient, error) {
	transport, err := user.Transport(u.own, u.plain)
	if err != nil {
		return nil, fmt.Errorf("creating a client: %w", err)
	}
	config := rest.CopyConfig(u.config)
	config.Transport = transport
	httpClient := &http.Client{Transport: transport}
	direct, err := client.New(config, client.Options{HTTPClient: httpClient, Scheme: u.scheme, Mapper: u.mapper})
	if err != nil {
		return nil, fmt.Errorf("creating a client: %w", err)
	}
	access, err := authorizationv1.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("creating a client: %w", err)
	}
	return &UserClient{Client: direct, user: user, config: config, access: access.SelfSubjectAccessReviews(), reviews: u.reviews}, nil
}
