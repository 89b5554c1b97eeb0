package env_test

import (
	"os"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/dudaji/nufi/test/env"
)

var control = env.New()

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
	out, err := control.Cluster(t).Kubectl(t.Context(), "get", "npudeploy", "-n", control.Namespace(t))
	if err != nil {
		t.Fatal(err)
	}
	if out != "" {
		t.Errorf("a fresh namespace has NpuDeploys: %s", out)
	}
}
