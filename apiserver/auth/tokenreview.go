package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/singleflight"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
)

const (
	maxReviewedTokens = 4096
	reviewTimeout     = 10 * time.Second
)

// TokenReviewer creates token reviews. client-go's TokenReviewInterface implements it.
type TokenReviewer interface {
	Create(ctx context.Context, review *authenticationv1.TokenReview, options metav1.CreateOptions) (*authenticationv1.TokenReview, error)
}

// NewTokenReview returns an authenticator for the cluster's own tokens, such as those of
// service accounts. Calls for the user are made with the token, so the audiences, of which a
// token must have one, must be among the API server's own. Without audiences the API server's
// apply.
//
// A result is cached for ttl, a few seconds. A revoked token is accepted for as long.
func NewTokenReview(client TokenReviewer, audiences []string, ttl time.Duration) Authenticator {
	return &tokenReview{client: client, audiences: slices.Clone(audiences), ttl: ttl, results: cache.NewLRUExpireCache(maxReviewedTokens)}
}

type tokenReview struct {
	client    TokenReviewer
	audiences []string
	ttl       time.Duration
	results   *cache.LRUExpireCache // reviewResult by the token's hash
	flights   singleflight.Group
}

// reviewResult is the user of a token or the reason why it was rejected.
type reviewResult struct {
	user    User
	invalid *InvalidError
}

func (t *tokenReview) Authenticate(r *http.Request) (User, error) {
	token, err := bearer(r)
	if err != nil {
		return User{}, err
	}
	key := sha256.Sum256([]byte(token))
	cached, ok := t.results.Get(key)
	if !ok {
		// Other requests wait for the same review: it continues if this client disconnects.
		ctx := context.WithoutCancel(r.Context())
		cached, err, _ = t.flights.Do(string(key[:]), func() (any, error) { return t.review(ctx, key, token) })
		if err != nil {
			return User{}, err
		}
	}
	result := cached.(reviewResult)
	if result.invalid != nil {
		return User{}, result.invalid
	}
	return result.user, nil
}

func (t *tokenReview) review(ctx context.Context, key [sha256.Size]byte, token string) (reviewResult, error) {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: t.audiences}}
	reviewed, err := t.client.Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return reviewResult{}, fmt.Errorf("%w: reviewing the token: %w", ErrUnavailable, err)
	}
	result := t.resultOf(reviewed.Status, token)
	t.results.Add(key, result, t.ttl)
	return result, nil
}

// resultOf does not copy the status's error text, which may quote the token.
func (t *tokenReview) resultOf(status authenticationv1.TokenReviewStatus, token string) reviewResult {
	if !status.Authenticated {
		return reviewResult{invalid: &InvalidError{Reason: "neither the provider nor the cluster accepts the token, or it has expired"}}
	}
	if len(t.audiences) > 0 && !intersect(t.audiences, status.Audiences) {
		return reviewResult{invalid: &InvalidError{Reason: "the token is for another audience"}}
	}
	if err := checkText(status.User.Username); err != nil {
		return reviewResult{invalid: &InvalidError{Reason: "the cluster's name for the token: " + err.Error()}}
	}
	return reviewResult{user: User{name: status.User.Username, groups: status.User.Groups, token: &token}}
}

func intersect(a, b []string) bool {
	return slices.ContainsFunc(a, func(value string) bool { return slices.Contains(b, value) })
}
