#!/usr/bin/env bash
# k8s.io/kubernetes v1.37.2: the message of an admission policy that is longer than 5 KiB is replaced by the policy's expression.
#
# Expected: the user whose request a ValidatingAdmissionPolicy denies gets the text of its messageExpression, if need be its begin; the
# documentation names errors, empty texts and line breaks as the cases in which it is not used.
# Observed: a text of more than 5,120 bytes is dropped as a whole, for validation.message or, without one, "failed expression:" and
# the CEL source. An explanation that lists what is allowed works in tests and with few entries; when the list grows, users get code.
# Nothing reports that to the author of the policy but a line in the API server's log.
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
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	client, ctx := must(kubernetes.NewForConfig(startAPIServer(startEtcd()))), context.Background()
	must(client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Create(ctx, &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "hosts"},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create}, Rule: admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
			}}}},
			Validations: []admissionv1.Validation{{
				Expression:        `object.metadata.namespace != "default" || object.data.allowed.contains(object.data.host)`,
				MessageExpression: `object.data.host + " is not one of " + object.data.allowed`,
			}},
		},
	}, metav1.CreateOptions{}))
	must(client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Create(ctx, &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "hosts"},
		Spec:       admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: "hosts", ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}},
	}, metav1.CreateOptions{}))
	create := func(count int) error {
		_, err := client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "a-"},
			Data:       map[string]string{"host": "llama.example.com", "allowed": strings.Repeat("team.example.org ", count)},
		}, metav1.CreateOptions{})
		return err
	}
	poll(func() bool { return apierrors.IsInvalid(create(1)) })
	for _, count := range []int{2, 299, 300} {
		_, message, _ := strings.Cut(create(count).Error(), "denied request: ")
		fmt.Printf("%d hosts: %.80s (%d bytes)\n", count, message, len(message))
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -trimpath -o finding .
./finding > output 2> log || { tail -n 20 log; exit 1; }
cat output
diff - output <<'OUT'
2 hosts: llama.example.com is not one of team.example.org team.example.org (65 bytes)
299 hosts: llama.example.com is not one of team.example.org team.example.org team.example.o (5114 bytes)
300 hosts: failed expression: object.metadata.namespace != "default" || object.data.allowed (107 bytes)
OUT
echo 'as described'
