package auth

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// keysKept is how long a key is believed that the provider has taken back.
const keysKept = time.Hour

// keySets are the provider's keys. A key set fetches them when it meets a name that it does
// not know, and forgets none otherwise: so each is used for an hour. Those before serve
// while the provider cannot be reached.
type keySets struct {
	fresh func() oidc.KeySet // without keys yet
	clock func() time.Time

	mu          sync.Mutex
	now, before oidc.KeySet
	since       time.Time // of now
	held        bool      // now has had keys
}

// VerifySignature returns what the token says.
func (k *keySets) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	now, before := k.current()
	payload, err := now.VerifySignature(ctx, jwt)
	var unreached *url.Error
	if before != nil && errors.As(err, &unreached) {
		return before.VerifySignature(ctx, jwt)
	}
	if err == nil {
		k.hold(now)
	}
	return payload, err
}

func (k *keySets) current() (now, before oidc.KeySet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at := k.clock(); k.now == nil || at.Sub(k.since) >= keysKept {
		if k.held {
			k.before = k.now
		}
		k.now, k.since, k.held = k.fresh(), at, false
	}
	return k.now, k.before
}

// hold notes that a set has keys, which are better than those before.
func (k *keySets) hold(set oidc.KeySet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if set == k.now {
		k.held, k.before = true, nil
	}
}
