package project_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/test/harness/apitest"
)

// secretRequests returns requests on Secrets. The path of the collection ends in a slash.
func secretRequests() map[string]struct{ method, name, query, body string } {
	return map[string]struct{ method, name, query, body string }{
		"get":                      {http.MethodGet, "token", "", ""},
		"list":                     {http.MethodGet, "", "", ""},
		"merge patch":              {http.MethodPatch, "token", "dryRun=All", "{}"},
		"delete in the foreground": {http.MethodDelete, "token", "dryRun=All&propagationPolicy=Foreground", ""},
		"deletecollection":         {http.MethodDelete, "", "dryRun=All", ""},
		"update":                   {http.MethodPut, "token", "dryRun=All", `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "data": {"other": "eA=="}}`},
		"create":                   {http.MethodPost, "", "dryRun=All", `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}}`},
	}
}

func TestAdminsWriteSecretsAndCannotReadThem(t *testing.T) {
	f := newFixture(t)
	f.applyReady("{members: [{kind: User, name: ada, role: Admin}, {kind: User, name: eve, role: Editor}]}")
	s := apitest.Start(f.Harness)
	const path = "/api/v1/namespaces/NAMESPACE/secrets/token"
	s.AwaitStatus(http.StatusCreated, "ada", http.MethodPut, path, `{"data": {"key": "value-1"}}`)
	s.AwaitStatus(http.StatusOK, "ada", http.MethodPut, path, `{"data": {"key": "value-2"}}`)
	s.AwaitStatus(http.StatusForbidden, "eve", http.MethodPut, path, `{"data": {"key": "value-3"}}`)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: f.name, Name: "token"}}
	f.Get(secret)
	if got := string(secret.Data["key"]); got != "value-2" {
		t.Errorf("the Secret has %q", got)
	}

	admin, err := kubernetes.NewForConfig(f.ConfigAs("ada"))
	f.Must(err)
	value := base64.StdEncoding.EncodeToString([]byte("value-2"))
	reads := map[string]bool{}
	for verb, r := range secretRequests() {
		for user, api := range map[string]kubernetes.Interface{"root": f.Kubernetes(), "ada": admin} {
			request := api.CoreV1().RESTClient().Verb(r.method).RequestURI("/api/v1/namespaces/" + f.name + "/secrets/" + r.name + "?" + r.query)
			if r.method == http.MethodPatch {
				request.SetHeader("Content-Type", string(types.MergePatchType))
			}
			if r.body != "" {
				request.Body([]byte(r.body))
			}
			response, err := request.DoRaw(t.Context())
			if err != nil && user == "root" && !apierrors.IsAlreadyExists(err) {
				t.Errorf("%s: %v", verb, err)
			}
			hasValue := strings.Contains(string(response), value)
			if user == "root" {
				reads[verb] = hasValue
			} else if hasValue {
				t.Errorf("an Admin reads the Secret by %s", verb)
			}
		}
	}
	for verb, got := range reads {
		if want := verb != "create" && verb != "update"; got != want {
			t.Errorf("the response to %s has the value: %t, want %t", verb, got, want)
		}
	}
}

func TestAdminsCannotCreateSecretsWithTokens(t *testing.T) {
	f := newFixture(t)
	f.applyReady("{members: [{kind: User, name: ada, role: Admin}]}")
	admin := f.ClientAs("ada")
	secret := func(name string, kind corev1.SecretType) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Namespace: f.name, Name: name, Annotations: map[string]string{corev1.ServiceAccountNameKey: "default"},
		}, Type: kind}
	}
	f.AwaitNoError("the right to create Secrets", func(ctx context.Context) error {
		return client.IgnoreAlreadyExists(admin.Create(ctx, secret("opaque", corev1.SecretTypeOpaque)))
	})
	f.Await("the policy", func() bool {
		err := admin.Create(t.Context(), secret("ada", corev1.SecretTypeServiceAccountToken))
		return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "service account default requires")
	})
	f.Create(secret("root", corev1.SecretTypeServiceAccountToken))
	if err := admin.Update(t.Context(), secret("root", corev1.SecretTypeServiceAccountToken)); !apierrors.IsForbidden(err) {
		t.Errorf("the Admin changes the account of a token: %v", err)
	}
}
