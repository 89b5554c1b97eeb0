#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: a client that scales a Deployment whose replicas no manager set does not own the number.
#
# Expected: a write to /scale makes its manager the owner of spec.replicas, as a write to the Deployment does, so that a later apply with
# another number is a conflict: this is how an applier notices an autoscaler.
# Observed: if a manager owned replicas, the scaler becomes their owner. If none did, because the Deployment was applied without the field for
# the sake of an autoscaler, managedFields do not change: no conflict, and an apply with replicas sets its number. kubectl scale and
# the HorizontalPodAutoscaler write to /scale.
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
	"strings"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const deployment = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"%s"},"spec":{%s
"selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"a","image":"example.com/a"}]}}}}`

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
	client := must(dynamic.NewForConfig(startAPIServer(startEtcd())))
	ctx := context.Background()
	deployments := client.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace("default")
	apply := func(name, replicas string) error {
		var content unstructured.Unstructured
		if err := json.Unmarshal(fmt.Appendf(nil, deployment, name, replicas), &content); err != nil {
			panic(err)
		}
		_, err := deployments.Apply(ctx, name, &content, metav1.ApplyOptions{FieldManager: "applier"})
		return err
	}
	poll(func() bool { return apply("ready", "") == nil })
	for _, c := range []struct{ title, name, replicas, subresource string }{
		{"replicas applied, then scaled", "a", `"replicas":2,`, "scale"},
		{"no replicas applied, then patched", "b", "", ""},
		{"no replicas applied, then scaled", "c", "", "scale"},
	} {
		if err := apply(c.name, c.replicas); err != nil {
			panic(err)
		}
		subresources := []string{c.subresource}
		if c.subresource == "" {
			subresources = nil
		}
		must(deployments.Patch(ctx, c.name, types.MergePatchType, []byte(`{"spec":{"replicas":5}}`), metav1.PatchOptions{FieldManager: "scaler"}, subresources...))
		owner := "no manager"
		for _, entry := range must(deployments.Get(ctx, c.name, metav1.GetOptions{})).GetManagedFields() {
			if strings.Contains(string(entry.FieldsV1.Raw), "f:replicas") {
				owner = entry.Manager
			}
		}
		outcome := "sets the number"
		if err := apply(c.name, `"replicas":1,`); apierrors.IsConflict(err) {
			outcome = "is a conflict"
		} else if err != nil {
			panic(err)
		}
		fmt.Printf("%s: %s owns replicas; an apply with replicas %s\n", c.title, owner, outcome)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -trimpath -o finding .
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
replicas applied, then scaled: scaler owns replicas; an apply with replicas is a conflict
no replicas applied, then patched: scaler owns replicas; an apply with replicas is a conflict
no replicas applied, then scaled: no manager owns replicas; an apply with replicas sets the number
OUT
echo 'as described'
