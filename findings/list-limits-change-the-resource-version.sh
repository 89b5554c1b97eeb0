#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: with a limit, the resourceVersion of a list means another thing.
#
# Expected: limit divides a list into pages, and changes nothing else: a list with resourceVersion=N is at least as new as N, with a limit or
# without, and one with resourceVersion=0, from the cache, has the requested number of objects.
# Observed: with a limit, resourceVersion=N means exactly N: objects created since are missing. With resourceVersion=0 the
# limit is ignored: the response has all objects. A client that pages with the resourceVersion of a previous list sees the past, unless it
# sets resourceVersionMatch=NotOlderThan.
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
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
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
	configMaps := must(kubernetes.NewForConfig(config)).CoreV1().ConfigMaps("default")
	ctx, versions := context.Background(), []string{}
	poll(func() bool {
		_, err := configMaps.List(ctx, metav1.ListOptions{})
		return err == nil
	})
	for _, name := range []string{"a", "b", "c", "d"} {
		object := must(configMaps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}))
		versions = append(versions, object.ResourceVersion)
	}
	must(configMaps.List(ctx, metav1.ListOptions{ResourceVersion: versions[len(versions)-1]})) // Until the cache has them.
	titles := strings.NewReplacer(versions[0], "A")
	for _, options := range []metav1.ListOptions{
		{ResourceVersion: versions[0]},
		{ResourceVersion: versions[0], Limit: 2},
		{ResourceVersion: versions[0], Limit: 2, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan},
		{Limit: 2},
		{ResourceVersion: "0", Limit: 2},
	} {
		list := must(configMaps.List(ctx, options))
		names := ""
		for _, item := range list.Items {
			names += " " + item.Name
		}
		fmt.Printf("resourceVersion=%s limit=%d %s:%s\n", titles.Replace(options.ResourceVersion), options.Limit, options.ResourceVersionMatch, names)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -trimpath -o finding .
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
resourceVersion=A limit=0 : a b c d
resourceVersion=A limit=2 : a
resourceVersion=A limit=2 NotOlderThan: a b
resourceVersion= limit=2 : a b
resourceVersion=0 limit=2 : a b c d
OUT
echo 'as described'
