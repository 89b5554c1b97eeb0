package auth

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// keySetLifetime bounds how long a key is trusted after the provider has withdrawn it.
const keySetLifetime = time.Hour

// keySets are the provider's keys. oidc.RemoteKeySet fetches keys for an unknown key ID and
// never drops one, so a key set is replaced after its lifetime. The previous one serves while
// the provider is unreachable.
type keySets struct {
	newKeySet func() oidc.KeySet // without keys
	clock     func() time.Time

	mu                sync.Mutex
	current, previous oidc.KeySet
	created           time.Time // of current
	fetched           bool      // current has had keys
}

// VerifySignature returns the payload of the token.
func (k *keySets) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	current, previous := k.get()
	payload, err := current.VerifySignature(ctx, jwt)
	if _, isUnreachable := errors.AsType[*url.Error](err); isUnreachable && previous != nil {
		return previous.VerifySignature(ctx, jwt)
	}
	if err == nil {
		k.dropPrevious(current)
	}
	return payload, err
}

func (k *keySets) get() (current, previous oidc.KeySet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.clock(); k.current == nil || now.Sub(k.created) >= keySetLifetime {
		if k.fetched {
			k.previous = k.current
		}
		k.current, k.created, k.fetched = k.newKeySet(), now, false
	}
	return k.current, k.previous
}

// dropPrevious records that the set has fetched keys, which replace the previous ones.
func (k *keySets) dropPrevious(set oidc.KeySet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if set == k.current {
		k.fetched, k.previous = true, nil
	}
}
