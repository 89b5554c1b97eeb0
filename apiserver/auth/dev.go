package auth

import (
	"fmt"
	"net"
	"net/http"
)

// NewDev returns an authenticator to whom every request is the person's. It is for a
// server that only its own machine reaches (see CheckLoopback), and knows nobody where
// the request names another host: a web page whose name was bound to 127.0.0.1 would
// otherwise act as the person.
func NewDev(person User) Authenticator { return dev{person} }

type dev struct{ person User }

func (d dev) Authenticate(r *http.Request) (User, error) {
	if d.person.IsZero() || !loopback(hostOf(r.Host)) {
		return User{}, ErrNoCredentials
	}
	return d.person, nil
}

// CheckLoopback refuses an address to listen on, host:port, that other machines reach. A
// name is refused too, but for localhost: where it leads is not in its text.
func CheckLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("reading the address: %w", err)
	}
	if !loopback(host) {
		return fmt.Errorf("%s is not a loopback address", addr)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// hostOf drops the port, if there is one, and the brackets of an IPv6 address.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return host
}
