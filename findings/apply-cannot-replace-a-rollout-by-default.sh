#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: after an apply without a strategy, an apply with strategy Recreate is invalid.
#
# Expected: a server-side apply can change what kubectl's client-side apply can: strategy.type, where no manager set more than that, from
# RollingUpdate to Recreate, as a server needs whose old pod must release its devices first.
# Observed: the API server keeps the default of rollingUpdate, which no manager owns, beside the type, and rejects the result: "may not be
# specified when strategy `type` is 'Recreate'". rollingUpdate: null does not help; only if an earlier apply set a field of
# rollingUpdate is it removed. Client-side apply sends a strategic merge patch, whose $retainKeys drops it.
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
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const deployment = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"%s"},"spec":{"strategy":%s,
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
	apply := func(name, strategy string) error {
		var content unstructured.Unstructured
		if err := json.Unmarshal(fmt.Appendf(nil, deployment, name, strategy), &content); err != nil {
			panic(err)
		}
		_, err := deployments.Apply(ctx, name, &content, metav1.ApplyOptions{FieldManager: "finding"})
		return err
	}
	poll(func() bool { return apply("ready", "{}") == nil })
	for i, pair := range [][2]string{
		{`{}`, `{"type":"Recreate"}`},
		{`{"type":"RollingUpdate"}`, `{"type":"Recreate"}`},
		{`{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}`, `{"type":"Recreate"}`},
		{`{}`, `{"type":"Recreate","rollingUpdate":null}`},
	} {
		name := fmt.Sprint("a", i)
		if err := apply(name, pair[0]); err != nil {
			panic(err)
		}
		outcome := "applied"
		if err := apply(name, pair[1]); apierrors.IsInvalid(err) {
			outcome = "invalid"
		} else if err != nil {
			panic(err)
		}
		fmt.Printf("%s, then %s: %s\n", pair[0], pair[1], outcome)
	}
	patch := []byte(`{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}`)
	_, err := deployments.Patch(ctx, "ready", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	fmt.Println("{}, then client-side:", err)
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -trimpath -o finding .
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
{}, then {"type":"Recreate"}: invalid
{"type":"RollingUpdate"}, then {"type":"Recreate"}: invalid
{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}, then {"type":"Recreate"}: applied
{}, then {"type":"Recreate","rollingUpdate":null}: invalid
{}, then client-side: <nil>
OUT
echo 'as described'
