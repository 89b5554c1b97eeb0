package env_test

import (
	"fmt"
	"os"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/dudaji/nufi/internal/cluster"
	"github.com/dudaji/nufi/test/env"
)

var control = env.New(env.Workloads(), env.Routes())

func TestMain(m *testing.M) { os.Exit(control.Run(m)) }

func TestEachTestHasANamespaceOfItsOwn(t *testing.T) {
	t.Parallel()
	first, second := control.Namespace(t), control.Namespace(t)
	if first == second {
		t.Fatalf("two namespaces of one name: %s", first)
	}
	client, err := kubernetes.NewForConfig(control.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{first, second} {
		if _, err := client.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
	}
}

func TestTheCustomResourcesAreServed(t *testing.T) {
	t.Parallel()
	const kinds = "npudeploys,virtualservices,httproutes,podmonitors"
	out, err := control.Cluster(t).Kubectl(t.Context(), "get", kinds, "-n", control.Namespace(t))
	if err != nil {
		t.Fatal(err)
	}
	if out != "" {
		t.Errorf("a fresh namespace has objects: %s", out)
	}
}

func TestAFreshNamespaceRunsPodsOnTheTestsOwnNodes(t *testing.T) {
	t.Parallel()
	control.Nodes(t, own("mine"))
	namespace := control.Namespace(t)
	kubectl(t, namespace, "run", "model", "--image=example.com/server", on("mine"))
	kubectl(t, namespace, "wait", "pod/model", "--for=condition=Ready", "--timeout=30s")
	if node := kubectl(t, namespace, "get", "pod/model", "-o=jsonpath={.spec.nodeName}"); node != "mine" {
		t.Errorf("the pod is on %q, want mine", node)
	}
}

func TestAPodWithAManualStatusIsTheTestsToWrite(t *testing.T) {
	t.Parallel()
	control.Nodes(t, own("manual"))
	namespace := control.Namespace(t)
	kubectl(t, namespace, "run", "held", "--image=example.com/server", on("manual"), "--annotations=nufi.test/status=manual")
	kubectl(t, namespace, "wait", "pod/held", "--for=condition=PodScheduled", "--timeout=30s")
	kubectl(t, namespace, "patch", "pod/held", "--subresource=status", `--patch={"status":{"phase":"Running"}}`)

	// A later pod that has become ready shows that this one would have, too.
	kubectl(t, namespace, "run", "left", "--image=example.com/server", on("manual"))
	kubectl(t, namespace, "wait", "pod/left", "--for=condition=Ready", "--timeout=30s")
	const ready = `-o=jsonpath={.status.phase} {.status.conditions[?(@.type=="Ready")].status}`
	if got := kubectl(t, namespace, "get", "pod/held", ready); got != "Running " {
		t.Errorf("phase and readiness are %q, want %q", got, "Running ")
	}
}

// own is a node that only the pods of one test are placed on.
func own(name string) cluster.Node {
	return cluster.Node{Name: name, Labels: map[string]string{"test": name}}
}

// on has kubectl run place its pod on a test's own node.
func on(name string) string {
	return fmt.Sprintf(`--overrides={"spec":{"nodeSelector":{"test":%q}}}`, name)
}

func kubectl(t *testing.T, namespace string, args ...string) string {
	t.Helper()
	out, err := control.Cluster(t).Kubectl(t.Context(), append(args, "-n", namespace)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
