package auth

import (
	"fmt"
	"net"
	"net/http"
)

// NewDev returns an authenticator that accepts every request as the user's. It is for a
// server on a loopback address (see CheckLoopback). It ignores requests for another host,
// which a web page can cause by DNS rebinding.
func NewDev(user User) Authenticator { return dev{user} }

type dev struct{ user User }

func (d dev) Authenticate(r *http.Request) (User, error) {
	if d.user.IsZero() || !isLoopback(hostOf(r.Host)) {
		return User{}, ErrNoCredentials
	}
	return d.user, nil
}

// CheckLoopback rejects an address, host:port, that other machines can reach. Of names it
// accepts localhost only.
func CheckLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("reading the address: %w", err)
	}
	if !isLoopback(host) {
		return fmt.Errorf("%s is not a loopback address", addr)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// hostOf removes the port, if any, and the brackets of an IPv6 address.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return host
}
