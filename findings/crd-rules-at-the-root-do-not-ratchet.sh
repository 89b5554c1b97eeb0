#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: a CEL rule at the root of a CRD applies to all writes of stored objects, also to those that change nothing
# that it reads.
#
# Expected: an object that was stored before its CRD got a rule may violate it as long as the value that the rule reads stays
# (ratcheting, GA since Kubernetes 1.33). A rule at spec behaves so: labels, status and finalizers can be written.
# Observed: a rule at the root, the only place from which a rule can read metadata.name, is evaluated whenever anything changes. The object
# gets no status, and no finalizer can be removed: a deletion that waits for one, such as a foreground deletion, does not end.
# With optionalOldSelf, a rule can leave out objects that exist.
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

// The definition has rules at the root and at spec. The object gets them when it is stored, and about to be deleted.
const (
	crd = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com"},"spec":{
"group":"example.com","scope":"Namespaced","names":{"kind":"Widget","plural":"widgets","singular":"widget","listKind":"WidgetList"},
"versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},"schema":{"openAPIV3Schema":{
"type":"object","x-kubernetes-validations":%s,"properties":{
"spec":{"type":"object","x-kubernetes-validations":%s,"properties":{"size":{"type":"integer"}}},
"status":{"type":"object","properties":{"ready":{"type":"boolean"}}}}}}}]}}`
	widget = `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"%s","finalizers":["example.com/hold"]},"spec":{"size":8}}`
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
	ctx := context.Background()
	crds := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	widgets := client.Resource(schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}).Namespace("default")
	decode := func(format string, args ...any) *unstructured.Unstructured {
		var content unstructured.Unstructured
		if err := json.Unmarshal(fmt.Appendf(nil, format, args...), &content); err != nil {
			panic(err)
		}
		return &content
	}
	dryRun := []string{metav1.DryRunAll}
	create := func(name string) error {
		_, err := widgets.Create(ctx, decode(widget, name), metav1.CreateOptions{DryRun: dryRun})
		return err
	}
	patch := func(title, text string, subresources ...string) {
		_, err := widgets.Patch(ctx, "stored", types.MergePatchType, []byte(text), metav1.PatchOptions{DryRun: dryRun}, subresources...)
		outcome := "accepted"
		if apierrors.IsInvalid(err) {
			outcome = "invalid"
		} else if err != nil {
			outcome = err.Error()
		}
		fmt.Printf("  %s: %s\n", title, outcome)
	}
	must(crds.Create(ctx, decode(crd, "[]", "[]"), metav1.CreateOptions{}))
	poll(func() bool { return create("trial") == nil })
	must(widgets.Create(ctx, decode(widget, "stored"), metav1.CreateOptions{}))
	if err := widgets.Delete(ctx, "stored", metav1.DeleteOptions{}); err != nil {
		panic(err)
	}
	for _, added := range []struct{ place, rule, format string }{
		{"spec", "self.size <= 4", `{"rule":"%s"}`},
		{"root", "self.spec.size <= 4", `{"rule":"%s"}`},
		{"root", "self.metadata.name != 'stored'", `{"rule":"%s"}`},
		{"root", "oldSelf.hasValue() || self.metadata.name != 'stored'", `{"rule":"%s","optionalOldSelf":true}`},
	} {
		rules := map[string]string{"root": "[]", "spec": "[]"}
		rules[added.place] = "[" + fmt.Sprintf(added.format, added.rule) + "]"
		text := must(json.Marshal(decode(crd, rules["root"], rules["spec"])))
		must(crds.Patch(ctx, "widgets.example.com", types.MergePatchType, text, metav1.PatchOptions{}))
		poll(func() bool {
			err := create("stored")
			return err != nil && strings.HasSuffix(err.Error(), "failed rule: "+added.rule)
		})
		fmt.Printf("%s: %s\n", added.place, added.rule)
		patch("label", `{"metadata":{"labels":{"a":"b"}}}`)
		patch("status", `{"status":{"ready":true}}`, "status")
		patch("removed finalizer", `{"metadata":{"finalizers":null}}`)
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -trimpath -o finding .
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
spec: self.size <= 4
  label: accepted
  status: accepted
  removed finalizer: accepted
root: self.spec.size <= 4
  label: invalid
  status: invalid
  removed finalizer: invalid
root: self.metadata.name != 'stored'
  label: invalid
  status: invalid
  removed finalizer: invalid
root: oldSelf.hasValue() || self.metadata.name != 'stored'
  label: accepted
  status: accepted
  removed finalizer: accepted
OUT
echo 'as described'
