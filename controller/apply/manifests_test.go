package apply_test

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	service        = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	serviceAccount = schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccount"}
	deployment     = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
)

const aService = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: NAMESPACE, labels: {team: red}, annotations: {}}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8000}]
  externalIPs: []
  loadBalancerClass: null
`

const aServiceAccount = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: NAMESPACE}
automountServiceAccountToken: false
`

const aDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NAMESPACE}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: server
        image: server:1
        env: [{name: A, value: "1"}]
        resources: {limits: {cpu: 1000m}}
        volumeMounts: [{name: shm, mountPath: /dev/shm}]
      volumes: [{name: shm, emptyDir: {}}]
`

const aVirtualService = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: NAMESPACE}
spec: {hosts: [web.example]}
`

const anHTTPRoute = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: NAMESPACE}
spec: {hostnames: [web.example]}
`

// with replaces parts of a manifest.
func with(manifest string, oldNew ...string) string {
	changed := strings.NewReplacer(oldNew...).Replace(manifest)
	if changed == manifest {
		panic("the manifest does not have " + oldNew[0])
	}
	return changed
}
