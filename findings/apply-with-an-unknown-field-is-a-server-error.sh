#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: a server-side apply with an unknown field fails with 500, whatever fieldValidation says.
#
# Expected: fieldValidation decides, as for a create: Ignore and Warn drop the field, Strict rejects the request with 400. An error of the
# client has a code of the 4xx.
# Observed: an apply with a field that the schema lacks, such as one of a newer version of Kubernetes, is rejected with each of the three. The
# code is 500 and the reason is empty, so that clients that repeat requests after server errors repeat it, and apierrors.IsInvalid and
# IsBadRequest are false. Only the text of the message tells what is wrong.
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

const (
	crd = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com"},"spec":{
"group":"example.com","scope":"Namespaced","names":{"kind":"Widget","plural":"widgets","singular":"widget","listKind":"WidgetList"},
"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{
"type":"object","properties":{"spec":{"type":"object","properties":{"size":{"type":"integer"}}}}}}}]}}`
	service = `{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"ports":[{"port":80}]%s}}`
	widget  = `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a"},"spec":{"size":1%s}}`
	unknown = `,"unknown":1`
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
	client := must(dynamic.NewForConfig(startAPIServer(startEtcd())))
	ctx, dryRun := context.Background(), []string{metav1.DryRunAll}
	decode := func(format string, args ...any) *unstructured.Unstructured {
		var content unstructured.Unstructured
		if err := json.Unmarshal(fmt.Appendf(nil, format, args...), &content); err != nil {
			panic(err)
		}
		return &content
	}
	outcome := func(_ *unstructured.Unstructured, err error) string {
		status, isStatus := err.(apierrors.APIStatus)
		if isStatus {
			return fmt.Sprintf("%d %q", status.Status().Code, status.Status().Reason)
		}
		if err != nil {
			panic(err)
		}
		return "accepted"
	}
	crds := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	must(crds.Create(ctx, decode(crd), metav1.CreateOptions{}))
	for _, kind := range []struct {
		resource schema.GroupVersionResource
		format   string
	}{
		{schema.GroupVersionResource{Version: "v1", Resource: "services"}, service},
		{schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}, widget},
	} {
		objects := client.Resource(kind.resource).Namespace("default")
		apply := func(more, validation string) (*unstructured.Unstructured, error) {
			text := must(json.Marshal(decode(kind.format, more)))
			return objects.Patch(ctx, "a", types.ApplyPatchType, text, metav1.PatchOptions{DryRun: dryRun, FieldManager: "finding", FieldValidation: validation})
		}
		poll(func() bool {
			_, err := apply("", "")
			return err == nil
		})
		for _, validation := range []string{"Ignore", "Warn", "Strict"} {
			created := outcome(objects.Create(ctx, decode(kind.format, unknown), metav1.CreateOptions{DryRun: dryRun, FieldValidation: validation}))
			fmt.Printf("%s, %s: create %s, apply %s\n", kind.resource.Resource, validation, created, outcome(apply(unknown, validation)))
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -trimpath -o finding .
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
services, Ignore: create accepted, apply 500 ""
services, Warn: create accepted, apply 500 ""
services, Strict: create 400 "BadRequest", apply 500 ""
widgets, Ignore: create accepted, apply 500 ""
widgets, Warn: create accepted, apply 500 ""
widgets, Strict: create 400 "BadRequest", apply 500 ""
OUT
echo 'as described'
