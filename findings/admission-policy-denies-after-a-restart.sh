#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: a ValidatingAdmissionPolicy whose parameters are custom resources can deny requests
# for half a minute after the API server has started, although /readyz is ok.
#
# Expected: an API server that is ready admits what it admitted before its restart. Policies and their
# parameters are stored in it.
# Observed: after about every second start, requests that match a policy with a custom resource as its paramKind
# are denied for up to 30 s after /readyz is ok: the policy's controller has listed the kinds before the custom ones
# were served, and lists them again after 30 s; failurePolicy: Fail makes a denial of that. Clients get 403 Forbidden
# with the policy's name for requests that are in order, and must try again.
#
# It compiles kube-apiserver, which takes minutes where it is not cached, and restarts it until that happens.
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
	"os/exec"
	"strconv"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const (
	crd = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"limits.example.com"},"spec":{
"group":"example.com","scope":"Namespaced","names":{"kind":"Limit","plural":"limits","singular":"limit","listKind":"LimitList"},
"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}`
	limit  = `{"apiVersion":"example.com/v1","kind":"Limit","metadata":{"name":"a","namespace":"default"}}`
	policy = `{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":"a"},"spec":{
"failurePolicy":"Fail","paramKind":{"apiVersion":"example.com/v1","kind":"Limit"},
"matchConstraints":{"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["configmaps"]}]},
"validations":[{"expression":"object.metadata.name != 'denied'"}]}}`
	binding = `{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":"a"},"spec":{
"policyName":"a","validationActions":["Deny"],"paramRef":{"name":"a","namespace":"default","parameterNotFoundAction":"Deny"}}}`
	object = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%s"}}`
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

// startAPIServer runs this program with the flags of kube-apiserver.
func startAPIServer(etcd string) (*exec.Cmd, *rest.Config) {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for name, content := range map[string][]byte{"key": text, "tokens": []byte("secret,admin,admin,system:masters\n")} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			panic(err)
		}
	}
	port := strconv.Itoa(freePort())
	command := exec.Command(os.Args[0],
		"--etcd-servers=" + etcd, "--bind-address=127.0.0.1", "--secure-port=" + port, "--cert-dir=certs",
		"--service-account-issuer=https://finding", "--service-account-key-file=key", "--service-account-signing-key-file=key",
		"--token-auth-file=tokens", "--authorization-mode=RBAC", "--endpoint-reconciler-type=none",
		"--disable-admission-plugins=ServiceAccount", "-v=0",
	)
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		panic(err)
	}
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
	return command, config
}

func poll(condition func() bool) {
	if err := wait.PollUntilContextTimeout(context.Background(), 200*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) {
		return condition(), nil
	}); err != nil {
		panic(err)
	}
}

func main() {
	if len(os.Args) > 1 {
		os.Exit(cli.Run(app.NewAPIServerCommand()))
	}
	etcd := startEtcd()
	server, config := startAPIServer(etcd)
	ctx := context.Background()
	client := must(dynamic.NewForConfig(config))
	create := func(group, resource, namespace, text string) error {
		var content unstructured.Unstructured
		if err := json.Unmarshal([]byte(text), &content); err != nil {
			panic(err)
		}
		kind := schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}
		_, err := client.Resource(kind).Namespace(namespace).Create(ctx, &content, metav1.CreateOptions{})
		return err
	}
	try := func() error {
		return create("", "configmaps", "default", fmt.Sprintf(object, fmt.Sprint("a-", time.Now().UnixNano())))
	}
	poll(func() bool { return create("apiextensions.k8s.io", "customresourcedefinitions", "", crd) == nil })
	poll(func() bool { return create("example.com", "limits", "default", limit) == nil })
	poll(func() bool { return create("admissionregistration.k8s.io", "validatingadmissionpolicies", "", policy) == nil })
	poll(func() bool { return create("admissionregistration.k8s.io", "validatingadmissionpolicybindings", "", binding) == nil })
	poll(func() bool { return create("", "configmaps", "default", fmt.Sprintf(object, "denied")) != nil && try() == nil })
	fmt.Println("before the restart: admitted")

	defer func() { _ = server.Process.Kill() }()
	var err error
	for restarts := 0; err == nil && restarts < 10; restarts++ {
		if err := server.Process.Signal(os.Interrupt); err != nil {
			panic(err)
		}
		_ = server.Wait()
		server, config = startAPIServer(etcd)
		client = must(dynamic.NewForConfig(config))
		err = try()
	}
	fmt.Println("ready after a restart:", err)
	start := time.Now()
	poll(func() bool { return try() == nil })
	fmt.Println("later: admitted")
	fmt.Fprintln(os.Stderr, "rejected for", time.Since(start))
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -trimpath -o finding .
./finding > output 2> log || { tail -n 20 log; exit 1; }
grep '^rejected for' log
sed "s/a-[0-9]*/NAME/" output > result
cat result
diff - result <<'OUT'
before the restart: admitted
ready after a restart: configmaps "NAME" is forbidden: ValidatingAdmissionPolicy 'a' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'example.com/v1, Kind=Limit'
later: admitted
OUT
echo 'as described'
