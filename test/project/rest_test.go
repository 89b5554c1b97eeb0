package project_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
)

// believed believes whoever says who they are, as a bearer token.
type believed struct{}

func (believed) Authenticate(r *http.Request) (auth.User, error) {
	return auth.NewUser(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), nil)
}

// door is the API server's, with the rights that bundle/ gives it and no others.
type door struct {
	*room

	url string
}

func newDoor(r *room) *door {
	r.Helper()
	for _, file := range []string{"service_account.yaml", "role.yaml", "role_binding.yaml"} {
		if err := control.Cluster(r.T).Apply(r.Context(), filepath.Join("..", "..", "bundle", "apiserver", file)); err != nil {
			r.Fatal(err)
		}
	}
	config := accountConfig(r.T)
	users, err := kube.NewUsers(config)
	if err != nil {
		r.Fatal(err)
	}
	store, err := templates.Open("", templates.Hooks{})
	if err != nil {
		r.Fatal(err)
	}
	seen := known(r.T, config)
	made, err := api.New(api.Options{
		Authenticator: believed{}, Users: users, Templates: store.Serving, TemplateState: store.State, Live: seen,
		Devices: devices.NewStore(seen, func() *render.Catalogue { return store.Serving().Catalogue }, nil),
		Log:     logr.Discard(), Registry: prometheus.NewRegistry(), Clock: time.Now, Limits: api.DefaultLimits(),
	})
	if err != nil {
		r.Fatal(err)
	}
	server := httptest.NewServer(made)
	r.Cleanup(server.Close)
	return &door{r, server.URL + "/api/v1"}
}

func accountConfig(t *testing.T) *rest.Config {
	t.Helper()
	admin, err := kubernetes.NewForConfig(control.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	token, err := admin.CoreV1().ServiceAccounts("nufi-system").CreateToken(
		t.Context(), "nufi-apiserver", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := rest.AnonymousClientConfig(control.Config(t))
	config.BearerToken, config.QPS = token.Status.Token, -1
	return config
}

// known is the cluster as the API server hears of it, until the test ends.
func known(t *testing.T, config *rest.Config) *live.Cache {
	t.Helper()
	system, err := kube.NewSystemClient(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	cluster, err := live.New(ctx, system, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := cluster.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return cluster
}

// ask sends a request as a person. It returns the status and what an answer in JSON holds.
func (d *door) ask(person, method, path, body string) (int, map[string]any) {
	d.Helper()
	request, err := http.NewRequestWithContext(d.Context(), method, d.url+strings.ReplaceAll(path, "NAME", d.name), strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+person)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		d.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer := map[string]any{}
	_ = json.NewDecoder(response.Body).Decode(&answer) // a deletion has no body
	return response.StatusCode, answer
}

func (d *door) awaitStatus(person, method, path, body string, want int) {
	d.Helper()
	var status int
	d.await(method+" "+path+" as "+person, func() bool {
		status, _ = d.ask(person, method, path, body)
		return status == want
	}, func() any { return status })
}

func TestMemberAddedOverRESTHasAccessUntilRemoved(t *testing.T) {
	r := newRoom(t, "rest")
	root := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: r.name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "root"}},
	}
	if err := r.client.Create(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	d := newDoor(r)
	d.awaitStatus("root", http.MethodPost, "/projects", `{"metadata": {"name": "`+r.name+`"}, "spec": {"quota": {"accelerators": [{"type": "atom", "count": 2}]}}}`, http.StatusCreated)
	eve := "/projects/NAME/members?kind=User&name=" + url.QueryEscape("eve@example.com")
	d.awaitStatus("root", http.MethodPut, eve, `{"role": "Editor"}`, http.StatusOK)

	deploys := "/namespaces/NAME/npudeploys"
	d.awaitStatus("eve@example.com", http.MethodPost, deploys, `{"metadata": {"name": "web"}, "spec": {"model": "org/model"}}`, http.StatusCreated)
	d.awaitStatus("eve@example.com", http.MethodGet, "/projects/NAME", "", http.StatusOK)
	var me map[string]any
	d.await("eve to be told of it", func() bool {
		_, me = d.ask("eve@example.com", http.MethodGet, "/me", "")
		return reflect.DeepEqual(me["projects"], []any{map[string]any{"name": r.name, "displayName": r.name, "role": "Editor"}})
	}, func() any { return me })
	var quota map[string]any
	d.await("the quota to be counted", func() bool {
		_, quota = d.ask("eve@example.com", http.MethodGet, "/projects/NAME/quota", "")
		return reflect.DeepEqual(quota["accelerators"], []any{map[string]any{"type": "atom", "hard": 2.0, "used": 0.0}})
	}, func() any { return quota })

	d.awaitStatus("root", http.MethodDelete, eve, "", http.StatusAccepted)
	d.awaitStatus("eve@example.com", http.MethodGet, "/projects/NAME", "", http.StatusForbidden)
	d.awaitStatus("eve@example.com", http.MethodGet, deploys+"/web", "", http.StatusForbidden)

	d.awaitStatus("root", http.MethodDelete, "/projects/NAME", "", http.StatusConflict)
	d.awaitStatus("root", http.MethodDelete, "/projects/NAME?confirm=NAME", "", http.StatusAccepted)
	d.await("the NpuDeploy to go", func() bool {
		status, _ := d.ask("root", http.MethodGet, deploys+"/web", "")
		return status == http.StatusNotFound
	}, func() any { return r.status() })
}
