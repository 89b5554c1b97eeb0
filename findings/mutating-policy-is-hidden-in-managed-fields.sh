#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: after a server-side apply managedFields name the applier as the owner of a value
# that a mutating policy set.
#
# Expected: managedFields record which manager set each field: where a MutatingAdmissionPolicy replaces a value
# of an apply, the policy, or no manager, owns the field, and a controller that compares managedFields or applies
# again sees that its value is not the live one.
# Observed: the applier owns the field with the policy's value. Applying the same configuration again
# changes neither the object nor its resourceVersion. Only a comparison of the answer's values with the
# applied ones shows the change.
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
	policy = `{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingAdmissionPolicy","metadata":{"name":"a"},"spec":{
"matchConstraints":{"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE","UPDATE"],"resources":["configmaps"]}]},
"reinvocationPolicy":"Never","failurePolicy":"Fail",
"mutations":[{"patchType":"ApplyConfiguration","applyConfiguration":{"expression":"Object{data: {'color': 'red'}}"}}]}}`
	binding = `{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingAdmissionPolicyBinding","metadata":{"name":"a"},"spec":{"policyName":"a"}}`
	applied = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%s","namespace":"default"},"data":{"color":"blue"}}`
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
		"--enable-admission-plugins=MutatingAdmissionPolicy", "--disable-admission-plugins=ServiceAccount", "-v=0",
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
	create := func(resource, object string) {
		var content unstructured.Unstructured
		if err := json.Unmarshal([]byte(object), &content); err != nil {
			panic(err)
		}
		group := schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: resource}
		must(client.Resource(group).Create(ctx, &content, metav1.CreateOptions{}))
	}
	configMaps := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace("default")
	apply := func(name string, dryRun ...string) *unstructured.Unstructured {
		force := true
		object, err := configMaps.Patch(ctx, name, types.ApplyPatchType, fmt.Appendf(nil, applied, name), metav1.PatchOptions{FieldManager: "finding", Force: &force, DryRun: dryRun})
		if apierrors.IsNotFound(err) { // the namespace is created a moment after the start
			return nil
		}
		return must(object, err)
	}
	show := func(title string, object *unstructured.Unstructured) {
		data, _, _ := unstructured.NestedString(object.Object, "data", "color")
		for _, entry := range object.GetManagedFields() {
			fmt.Printf("%s: color %s, manager %s %s, fields %s\n", title, data, entry.Manager, entry.Operation, entry.FieldsV1.Raw)
		}
	}
	poll(func() bool { return apply("before") != nil })
	create("mutatingadmissionpolicies", policy)
	create("mutatingadmissionpolicybindings", binding)
	// The policy takes effect a moment after its creation.
	poll(func() bool {
		data, _, _ := unstructured.NestedString(apply("trial", metav1.DryRunAll).Object, "data", "color")
		return data == "red"
	})
	first := apply("a")
	show("applied blue", first)
	second := apply("a")
	show("applied blue again", second)
	fmt.Println("resourceVersion changed:", first.GetResourceVersion() != second.GetResourceVersion())
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -trimpath -o finding .
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
applied blue: color red, manager finding Apply, fields {"f:data":{"f:color":{}}}
applied blue again: color red, manager finding Apply, fields {"f:data":{"f:color":{}}}
resourceVersion changed: false
OUT
echo 'as described'
