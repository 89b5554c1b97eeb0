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

// TokenReviewer asks the cluster about a token; client-go's TokenReviewInterface does.
type TokenReviewer interface {
	Create(ctx context.Context, review *authenticationv1.TokenReview, options metav1.CreateOptions) (*authenticationv1.TokenReview, error)
}

// NewTokenReview returns an authenticator of the tokens that the cluster itself knows, such
// as those of service accounts. The person keeps the token, and calls for them are made
// with it, so it has to be one that the API server accepts: audiences, of which a token
// needs one, are among the API server's own. Without audiences those are meant.
//
// An answer holds for ttl, a few seconds, which is also how long a revoked token is accepted.
func NewTokenReview(client TokenReviewer, audiences []string, ttl time.Duration) Authenticator {
	return &tokenReview{client: client, audiences: slices.Clone(audiences), ttl: ttl, answers: cache.NewLRUExpireCache(maxReviewedTokens)}
}

type tokenReview struct {
	client    TokenReviewer
	audiences []string
	ttl       time.Duration
	answers   *cache.LRUExpireCache // reviewed by the token's hash
	flights   singleflight.Group
}

// reviewed is what the cluster said of a token: a person or why there is none.
type reviewed struct {
	person  User
	invalid *InvalidError
}

func (t *tokenReview) Authenticate(r *http.Request) (User, error) {
	token, err := bearer(r)
	if err != nil {
		return User{}, err
	}
	key := sha256.Sum256([]byte(token))
	answer, known := t.answers.Get(key)
	if !known {
		// The others who wait for this answer are not to lose it when this one hangs up.
		ctx := context.WithoutCancel(r.Context())
		answer, err, _ = t.flights.Do(string(key[:]), func() (any, error) { return t.review(ctx, key, token) })
		if err != nil {
			return User{}, err
		}
	}
	outcome := answer.(reviewed) // only review adds
	if outcome.invalid != nil {
		return User{}, outcome.invalid
	}
	return outcome.person, nil
}

func (t *tokenReview) review(ctx context.Context, key [sha256.Size]byte, token string) (reviewed, error) {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: t.audiences}}
	answer, err := t.client.Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return reviewed{}, fmt.Errorf("%w: reviewing the token: %w", ErrUnavailable, err)
	}
	outcome := t.judge(answer.Status, token)
	t.answers.Add(key, outcome, t.ttl)
	return outcome, nil
}

// judge passes on no text of the cluster's: it may quote the token.
func (t *tokenReview) judge(status authenticationv1.TokenReviewStatus, token string) reviewed {
	if !status.Authenticated {
		return reviewed{invalid: &InvalidError{Reason: "neither the provider nor the cluster knows the token, or it has expired"}}
	}
	if len(t.audiences) > 0 && !intersect(t.audiences, status.Audiences) {
		return reviewed{invalid: &InvalidError{Reason: "the token is for another audience"}}
	}
	if err := checkText(status.User.Username); err != nil {
		return reviewed{invalid: &InvalidError{Reason: "the cluster's name for the token: " + err.Error()}}
	}
	return reviewed{person: User{name: status.User.Username, groups: status.User.Groups, token: &token}}
}

func intersect(a, b []string) bool {
	return slices.ContainsFunc(a, func(value string) bool { return slices.Contains(b, value) })
}
