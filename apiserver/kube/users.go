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

// discoveryTimeout bounds the calls that ask which resources there are. A person's calls
// end with their context: some of them are watches.
const discoveryTimeout = 30 * time.Second

// Users makes clients that act as a person. It is safe for concurrent use.
type Users struct {
	own     http.RoundTripper // carries the server's credentials
	plain   http.RoundTripper // carries none
	bare    *rest.Config      // where the API server is, without credentials
	scheme  *runtime.Scheme
	mapper  meta.RESTMapper
	reviews *reviews
}

// NewUsers returns a Users that impersonates with the credentials of config. The server
// itself asks the API server for nothing but which resources it has. Persons' calls pass
// through each of wrappers, which see credentials.
func NewUsers(config *rest.Config, wrappers ...transport.WrapperFunc) (*Users, error) {
	scheme, err := NewScheme()
	if err != nil {
		return nil, err
	}
	own, err := rest.TransportFor(config)
	if err != nil {
		return nil, fmt.Errorf("making the transport: %w", err)
	}
	anonymous := rest.AnonymousClientConfig(config)
	plain, err := rest.TransportFor(anonymous)
	if err != nil {
		return nil, fmt.Errorf("making the transport without credentials: %w", err)
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, &http.Client{Transport: own, Timeout: discoveryTimeout})
	if err != nil {
		return nil, fmt.Errorf("making the mapper: %w", err)
	}
	wrap := transport.Wrappers(wrappers...)
	if wrap != nil {
		own, plain = wrap(own), wrap(plain)
	}
	return &Users{own: own, plain: plain, bare: bareConfig(anonymous), scheme: scheme, mapper: mapper, reviews: newReviews()}, nil
}

// bareConfig keeps where the API server is. How it is reached is for the transport, and
// how often for the API server, which is fair to each person.
func bareConfig(config *rest.Config) *rest.Config {
	return &rest.Config{
		Host:          config.Host,
		APIPath:       config.APIPath,
		ContentConfig: config.ContentConfig,
		UserAgent:     "nufi-apiserver",
		QPS:           -1,
		// A warning is for the person, and its text may be of another's making.
		WarningHandlerWithContext: rest.NoWarnings{},
	}
}

// Client returns the way to the cluster for one person, who must not be nobody. It is
// cheap: a request makes its own.
func (u *Users) Client(person auth.User) (*UserClient, error) {
	way, err := person.Transport(u.own, u.plain)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	config := rest.CopyConfig(u.bare)
	config.Transport = way
	httpClient := &http.Client{Transport: way}
	direct, err := client.New(config, client.Options{HTTPClient: httpClient, Scheme: u.scheme, Mapper: u.mapper})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	access, err := authorizationv1.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return &UserClient{Client: direct, person: person, config: config, access: access.SelfSubjectAccessReviews(), reviews: u.reviews}, nil
}
