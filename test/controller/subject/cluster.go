package subject

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// patience is how long a test waits for what the controller does.
const patience = time.Minute

// Client returns a client that knows our kinds and Kubernetes' own.
func Client(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	known := runtime.NewScheme()
	if err := scheme.AddToScheme(known); err != nil {
		t.Fatal(err)
	}
	if err := v1.AddToScheme(known); err != nil {
		t.Fatal(err)
	}
	made, err := client.New(config, client.Options{Scheme: known})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// Apply applies a manifest as kubectl does.
func Apply(t *testing.T, to client.Client, manifest string) {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatal(err)
	}
	err := to.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("kubectl"), client.ForceOwnership)
	if err != nil {
		t.Fatal(err)
	}
}

// Await waits until it is so. State is told if it never is.
func Await(t *testing.T, what string, is func() bool, state func() any) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return is(), nil })
	if err != nil {
		t.Fatalf("waiting for %s: %v: %v", what, err, state())
	}
}

// Find returns an object, or nil if there is none.
func Find(t *testing.T, in client.Client, object *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	err := in.Get(t.Context(), client.ObjectKeyFromObject(object), object)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return object
}
