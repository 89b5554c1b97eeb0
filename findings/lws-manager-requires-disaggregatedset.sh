#!/usr/bin/env bash
# sigs.k8s.io/lws v0.9.0: without the CRD of DisaggregatedSet, the manager of LeaderWorkerSet exits every two minutes.
#
# Expected: DisaggregatedSet, new in v0.9.0, is an optional kind beside LeaderWorkerSet: a cluster that has the CRD
# of LeaderWorkerSet alone gets its groups, and a manager that cannot do its work reports that it is not ready.
# Observed: /readyz answers 200 and LeaderWorkerSets get their StatefulSets, until the manager exits with code 1
# after two minutes, because a cache did not sync. Helm installs the CRDs of a chart once and never upgrades them:
# "helm upgrade" from v0.8.0, whose chart has only the first CRD, leads here. Restarts hide it at first: new groups
# are only created between two exits, more rarely the longer the kubelet's back-off becomes.
#
# It compiles kube-apiserver and the manager, which takes minutes where they are not cached, and waits for the exit.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir manager
printf 'module manager\n\ngo 1.26\n\ntool sigs.k8s.io/lws/cmd\n\nrequire sigs.k8s.io/lws v0.9.0\n' > manager/go.mod
(cd manager && go mod tidy > tidy.log 2>&1 && go build -trimpath -o manager sigs.k8s.io/lws/cmd) || { cat manager/tidy.log; exit 1; }
crd=$(cd manager && go list -m -f '{{.Dir}}' sigs.k8s.io/lws)/config/crd/bases/leaderworkerset.x-k8s.io_leaderworkersets.yaml
printf 'apiVersion: config.lws.x-k8s.io/v1alpha1\nkind: Configuration\ninternalCertManagement: {enable: false}\nhealth: {healthProbeBindAddress: "127.0.0.1:PROBES"}\nmetrics: {bindAddress: "0"}\nleaderElection: {leaderElect: false}\n' > config.yaml
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
	"strings"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"sigs.k8s.io/yaml"
)

const set = `{"apiVersion":"leaderworkerset.x-k8s.io/v1","kind":"LeaderWorkerSet","metadata":{"name":"group"},"spec":{
"replicas":1,"rolloutStrategy":{"type":"RollingUpdate","rollingUpdateConfiguration":{"partition":0,"maxUnavailable":1,"maxSurge":0}},"startupPolicy":"LeaderCreated",
"leaderWorkerTemplate":{"size":2,"restartPolicy":"RecreateGroupOnPodRestart",
"workerTemplate":{"spec":{"containers":[{"name":"server","image":"server"}]}}}}}`

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

// startManager runs the manager in a process of its own. It returns the address of its probes.
func startManager(config *rest.Config) (*exec.Cmd, string) {
	probes := fmt.Sprint("127.0.0.1:", freePort())
	text := strings.ReplaceAll(string(must(os.ReadFile("config.yaml"))), "127.0.0.1:PROBES", probes)
	kubeconfig := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],
"clusters":[{"name":"c","cluster":{"server":%q,"insecure-skip-tls-verify":true}}],"users":[{"name":"u","user":{"token":"secret"}}]}`, config.Host)
	for name, content := range map[string]string{"manager.yaml": text, "kubeconfig": kubeconfig} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			panic(err)
		}
	}
	command := exec.Command("manager/manager", "--config=manager.yaml", "--kubeconfig=kubeconfig")
	command.Env = append(os.Environ(), "ENABLE_WEBHOOKS=false")
	command.Stderr = must(os.Create("manager.log"))
	if err := command.Start(); err != nil {
		panic(err)
	}
	return command, "http://" + probes + "/readyz"
}

func main() {
	config := startAPIServer(startEtcd())
	client := must(dynamic.NewForConfig(config))
	ctx := context.Background()
	definition := map[string]any{}
	if err := yaml.Unmarshal(must(os.ReadFile(os.Args[1])), &definition); err != nil {
		panic(err)
	}
	crds := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	must(crds.Create(ctx, &unstructured.Unstructured{Object: definition}, metav1.CreateOptions{}))

	manager, readyz := startManager(config)
	started := time.Now()
	poll(func() bool {
		response, err := http.Get(readyz)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	fmt.Println("the manager is ready")

	sets := client.Resource(schema.GroupVersionResource{Group: "leaderworkerset.x-k8s.io", Version: "v1", Resource: "leaderworkersets"}).Namespace("default")
	var group unstructured.Unstructured
	if err := json.Unmarshal([]byte(set), &group); err != nil {
		panic(err)
	}
	poll(func() bool {
		_, err := sets.Create(ctx, &group, metav1.CreateOptions{})
		return err == nil
	})
	poll(func() bool {
		_, err := client.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}).Namespace("default").Get(ctx, "group", metav1.GetOptions{})
		return err == nil
	})
	fmt.Println("a LeaderWorkerSet has its StatefulSet")

	err := manager.Wait()
	fmt.Printf("the manager ends: %v, after about %d minutes\n", err, int(time.Since(started).Round(time.Minute).Minutes()))
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go build -trimpath -o finding .
./finding "$crd" > output 2> log || { tail -n 20 log manager.log; exit 1; }
cat output
grep -o 'no matches for kind [\\]*"DisaggregatedSet' manager.log | tr -d '\\"' | sort -u | tee -a output || { tail -n 5 manager.log; exit 1; }
diff - output <<'OUT'
the manager is ready
a LeaderWorkerSet has its StatefulSet
the manager ends: exit status 1, after about 2 minutes
no matches for kind DisaggregatedSet
OUT
echo 'as described'
