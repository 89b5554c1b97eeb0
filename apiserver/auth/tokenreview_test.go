package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dudaji/nufi/apiserver/auth"
)

// reviewer returns a fixed status. The tests of package kube use a real API server.
type reviewer struct {
	status authenticationv1.TokenReviewStatus
	err    error
	calls  atomic.Int32
}

func (r *reviewer) Create(_ context.Context, review *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	r.calls.Add(1)
	result := review.DeepCopy()
	result.Status = r.status
	return result, r.err
}

func named(name string) authenticationv1.TokenReviewStatus {
	return authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: name, Groups: []string{"system:authenticated"}}}
}

func reviewedUser(t *testing.T, name, token string) auth.User {
	t.Helper()
	user, err := auth.NewTokenReview(&reviewer{status: named(name)}, nil, time.Minute).Authenticate(requestWithToken(t, token))
	if err != nil {
		t.Fatal(err)
	}
	return user
}

func TestTokenReviewIsCached(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]authenticationv1.TokenReviewStatus{"accepted": named("ann"), "rejected": {Error: "token abc is bad"}} {
		cluster := &reviewer{status: status}
		reviews := auth.NewTokenReview(cluster, nil, time.Minute)
		for range 3 {
			_, _ = reviews.Authenticate(requestWithToken(t, "abc")) // other tests check the result
		}
		_, _ = reviews.Authenticate(requestWithToken(t, "another"))
		if calls := cluster.calls.Load(); calls != 2 {
			t.Errorf("%s: two tokens caused %d reviews", name, calls)
		}
	}
}

func TestFailedTokenReviewIsNotCached(t *testing.T) {
	t.Parallel()
	cluster := &reviewer{err: errors.New("connection refused")}
	reviews := auth.NewTokenReview(cluster, nil, time.Minute)
	if _, err := reviews.Authenticate(requestWithToken(t, "abc")); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("the error is %v, want %v", err, auth.ErrUnavailable)
	}
	cluster.err, cluster.status = nil, named("ann")
	if _, err := reviews.Authenticate(requestWithToken(t, "abc")); err != nil {
		t.Error("after the outage: ", err)
	}
}

func TestTokenForAnotherAudienceIsRejected(t *testing.T) {
	t.Parallel()
	cluster := &reviewer{status: named("ann")}
	reviews := auth.NewTokenReview(cluster, []string{"nufi"}, time.Minute)
	_, err := reviews.Authenticate(requestWithToken(t, "one")) // an API server without support for audiences
	wantInvalid(t, "no audience", err, "another audience")
	cluster.status.Audiences = []string{"nufi"}
	if _, err := reviews.Authenticate(requestWithToken(t, "two")); err != nil {
		t.Error(err)
	}
}

func TestMalformedAuthorizationHeadersAreRejected(t *testing.T) {
	t.Parallel()
	cluster := &reviewer{status: named("ann")}
	reviews := auth.NewTokenReview(cluster, nil, time.Minute)
	for value, want := range map[string]error{
		"Bearer abc":        nil,
		"bearer abc":        nil,
		"Bearer":            auth.ErrNoCredentials,
		"Bearer ":           auth.ErrNoCredentials,
		"Basic YTpi":        auth.ErrNoCredentials,
		"":                  auth.ErrNoCredentials,
		"Bearer a b":        &auth.InvalidError{},
		"Bearer a\r\nb: c":  &auth.InvalidError{},
		"Bearer \u00e4":     &auth.InvalidError{},
		"Bearer " + long(t): &auth.InvalidError{},
	} {
		r := requestWithToken(t, "")
		r.Header.Set("Authorization", value)
		_, err := reviews.Authenticate(r)
		if fmt.Sprintf("%T", err) != fmt.Sprintf("%T", want) {
			t.Errorf("%.40q: the error is %v, want %v", value, err, want)
		}
	}
	r := requestWithToken(t, "abc")
	r.Header.Add("Authorization", "Bearer def")
	_, err := reviews.Authenticate(r)
	wantInvalid(t, "two headers", err, "more than one")
	r = requestWithToken(t, "")
	r.Header = http.Header{}
	r.URL.RawQuery = "access_token=abc"
	if _, err := reviews.Authenticate(r); !errors.Is(err, auth.ErrNoCredentials) {
		t.Errorf("a token in the query: %v", err)
	}
}

func long(t *testing.T) string {
	t.Helper()
	text := make([]byte, 20<<10)
	for i := range text {
		text[i] = 'a'
	}
	return string(text)
}
