// Package harness runs tests against a real Kubernetes control plane: the one of
// `nufi up`, with the custom resources of bundle/crd installed. There is no fake client.
//
// A package of tests shares one control plane. Its TestMain declares what runs beside
// etcd and the API server:
//
//	func TestMain(m *testing.M) { harness.Main(m, harness.Workloads(), harness.Routes()) }
//
// The first test that calls New starts it, and Main stops it after the last. Each test
// has a namespace of its own, so tests run in parallel:
//
//	func TestServiceIsCreated(t *testing.T) {
//		t.Parallel()
//		h := harness.New(t)
//		h.Apply(`{apiVersion: dudaji.com/v1, kind: NpuDeploy, metadata: {name: web}, spec: {model: org/model}}`)
//		h.AwaitCondition(h.NpuDeploy("web"), v1.ConditionApplied, metav1.ConditionTrue, v1.ReasonApplied)
//		if h.Find(corev1.SchemeGroupVersion.WithKind("Service"), "web") == nil {
//			t.Error("there is no Service")
//		}
//	}
//
// Tests wait for a state (AwaitCondition, AwaitObject, AwaitGone, Await, AwaitAllowed),
// never for a time. A wait that ends at its deadline fails the test with the objects'
// last state and the namespace's events.
//
// NuFi's own programs are started by the packages below: controllertest runs the
// controller, apitest the API server, each with the rights that bundle/ grants and no
// others; oidctest is an identity provider. They are packages of their own so that a
// test links, and its cached result depends on, only what it uses.
//
// A test that stops the API server (Cluster().StopAPIServer) disturbs all others of its
// package: it belongs in a package of such tests.
//
// With -short, tests that need a control plane are skipped. The first run on a machine
// compiles the control plane, which takes minutes: raise `go test`'s -timeout, or run
// `nufi up` once.
package harness
