#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: creating an object of a CRD that is being deleted answers 403 without a cause.
#
# Expected: creating an object in a namespace that is being deleted fails with 403 Forbidden and the cause
# NamespaceTerminating, by which clients (apierrors.HasStatusCause) distinguish it from a missing permission; an
# object whose CustomResourceDefinition is being deleted fails with such a cause, too, or as not found.
# Observed: it fails with 403 Forbidden and no cause. Its code, reason and causes are those of a request that
# RBAC denies; only the text of the message differs. A client that reports Forbidden as a missing permission
# sends its users to their RBAC rules.
#
# It compiles kube-apiserver, which takes minutes where it is not cached.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
printf 'module finding\n\ngo 1.26\n\nrequire (\n\tgo.etcd.io/etcd/server/v3 v3.7.0\n\tk8s.io/kubernetes v1.37.2\n)\n' > go.mod
# Kubernetes requires its own modules in v0.0.0, for its workspace.
go mod download -json k8s.io/kubernetes@v1.37.2 | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p' | xargs cat |
  sed -n 's/^\t\(k8s.io[^ ]*\) v0\.0\.0$/\1/p' | while read -r module; do go mod edit -require="$module@v0.37.2"; done
cat > main.go <<'GO'
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const (
	crd = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com","finalizers":["example.com/hold"]},"spec":{
"group":"example.com","scope":"Namespaced","names":{"kind":"Widget","plural":"widgets","singular":"widget","listKind":"WidgetList"},
"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}`
	namespace = `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"team","finalizers":["example.com/hold"]}}`
	widget    = `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"%s"}}`
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// freePort returns a port on which nothing listens.
func freePort() int {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func startEtcd() string {
	config := embed.NewConfig()
	config.Dir, config.LogLevel = "etcd", "fatal"
	local := must(url.Parse(fmt.Sprint("http://127.0.0.1:", freePort())))
	peer := must(url.Parse(fmt.Sprint("http://127.0.0.1:", freePort())))
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*local}, []url.URL{*local}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	<-must(embed.StartEtcd(config)).Server.ReadyNotify()
	return local.String()
}

func startAPIServer(etcd string) *rest.Config {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for name, content := range map[string][]byte{"key": text, "tokens": []byte("secret,admin,admin,system:masters\n")} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			panic(err)
		}
	}
	port := strconv.Itoa(freePort())
	command := app.NewAPIServerCommand()
	command.SetArgs([]string{
		"--etcd-servers=" + etcd, "--bind-address=127.0.0.1", "--secure-port=" + port, "--cert-dir=certs",
		"--service-account-issuer=https://finding", "--service-account-key-file=key", "--service-account-signing-key-file=key",
		"--token-auth-file=tokens", "--authorization-mode=RBAC", "--endpoint-reconciler-type=none",
		"--disable-admission-plugins=ServiceAccount", "-v=0",
	})
	go func() { panic(command.Execute()) }()
	config := &rest.Config{Host: "https://127.0.0.1:" + port, BearerToken: "secret", TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
	client := must(rest.HTTPClientFor(config))
	poll(func() bool {
		response, err := client.Get(config.Host + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return config
}

func poll(condition func() bool) {
	if err := wait.PollUntilContextTimeout(context.Background(), 200*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) {
		return condition(), nil
	}); err != nil {
		panic(err)
	}
}

func main() {
	config := startAPIServer(startEtcd())
	client := must(dynamic.NewForConfig(config))
	ctx := context.Background()
	crds := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	namespaces := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	widgets := schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}
	decode := func(format string, args ...any) *unstructured.Unstructured {
		var content unstructured.Unstructured
		if err := json.Unmarshal(fmt.Appendf(nil, format, args...), &content); err != nil {
			panic(err)
		}
		return &content
	}
	create := func(namespace, name string) error {
		_, err := client.Resource(widgets).Namespace(namespace).Create(ctx, decode(widget, name), metav1.CreateOptions{})
		return err
	}
	show := func(title string, err error) {
		status, _ := err.(apierrors.APIStatus)
		if status == nil {
			fmt.Println(title+":", err)
			return
		}
		var causes []metav1.CauseType
		if details := status.Status().Details; details != nil {
			for _, cause := range details.Causes {
				causes = append(causes, cause.Type)
			}
		}
		fmt.Printf("%s: %d %s, causes %v\n  %s\n", title, status.Status().Code, status.Status().Reason, causes, status.Status().Message)
	}
	must(crds.Create(ctx, decode(crd), metav1.CreateOptions{}))
	must(namespaces.Create(ctx, decode(namespace), metav1.CreateOptions{}))
	poll(func() bool { return create("team", "first") == nil })
	show("neither is being deleted", create("team", "second"))

	other := rest.CopyConfig(config)
	other.Impersonate.UserName = "other"
	_, err := must(dynamic.NewForConfig(other)).Resource(widgets).Namespace("team").Create(ctx, decode(widget, "third"), metav1.CreateOptions{})
	show("the user has no permission", err)

	if err := namespaces.Delete(ctx, "team", metav1.DeleteOptions{}); err != nil {
		panic(err)
	}
	poll(func() bool { return create("team", fmt.Sprint("trial-", time.Now().UnixNano())) != nil })
	show("the namespace is being deleted", create("team", "fourth"))

	if err := crds.Delete(ctx, "widgets.example.com", metav1.DeleteOptions{}); err != nil {
		panic(err)
	}
	poll(func() bool { return create("default", fmt.Sprint("trial-", time.Now().UnixNano())) != nil })
	show("the definition is being deleted", create("default", "fifth"))
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -trimpath -o finding .
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
neither is being deleted: <nil>
the user has no permission: 403 Forbidden, causes []
  widgets.example.com is forbidden: User "other" cannot create resource "widgets" in API group "example.com" in the namespace "team"
the namespace is being deleted: 403 Forbidden, causes [NamespaceTerminating]
  widgets.example.com "fourth" is forbidden: unable to create new content in namespace team because it is being terminated
the definition is being deleted: 403 Forbidden, causes []
  widgets.example.com "fifth" is forbidden: create not allowed while custom resource definition is terminating
OUT
echo 'as described'
