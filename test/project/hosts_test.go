package project_test

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// serve creates an NpuDeploy named web in the project, with a host.
func (r *room) serve(host string, options ...client.CreateOption) error {
	deploy := &v1.NpuDeploy{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.name, Name: "web"},
		Spec: v1.NpuDeploySpec{
			Model: "org/model", Accelerator: &v1.Accelerator{Type: "atom"},
			Endpoint: &v1.Endpoint{Kind: v1.EndpointVirtualService, Host: host},
		},
	}
	return r.client.Create(r.Context(), deploy, options...)
}

// awaitEndpoint waits for the reason of web's endpoint, and returns what it says.
func (r *room) awaitEndpoint(reason string) string {
	r.Helper()
	deploy := &v1.NpuDeploy{}
	var last *metav1.Condition
	r.await("the endpoint's reason "+reason, func() bool {
		if err := r.client.Get(r.Context(), types.NamespacedName{Namespace: r.name, Name: "web"}, deploy); err != nil {
			r.Fatal(err)
		}
		last = meta.FindStatusCondition(deploy.Status.Conditions, v1.ConditionEndpoint)
		return last != nil && last.Reason == reason
	}, func() any { return deploy.Status.Conditions })
	return last.Message
}

func (r *room) route() *unstructured.Unstructured {
	r.Helper()
	return r.child(schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"}, "web")
}

func TestHostOfAnotherProjectIsNotRoutedUntilReleased(t *testing.T) {
	r := newRoom(t, "guest")
	owner := &room{T: t, Subject: r.Subject, client: r.client, name: r.name + "-host"}
	suffix := owner.name + ".example"
	owner.project("{hostSuffixes: [" + suffix + "]}")
	r.project("{displayName: Guest}")
	if err := r.serve("web." + suffix); err != nil {
		t.Fatal(err)
	}
	if message := r.awaitEndpoint(v1.ReasonHostNotAllowed); !strings.Contains(message, "belongs to project "+owner.name) {
		t.Errorf("message %q", message)
	}
	if r.route() != nil {
		t.Error("there is a route to another project's host")
	}
	owner.project("{displayName: Host}")
	r.awaitEndpoint(v1.ReasonRouted)
	owner.project("{hostSuffixes: [" + suffix + "]}")
	r.awaitEndpoint(v1.ReasonHostNotAllowed)
	r.await("the route to go", func() bool { return r.route() == nil }, func() any { return r.route() })
}

func TestProjectIsLimitedToItsHosts(t *testing.T) {
	r := newRoom(t, "own")
	r.project("{displayName: Own}")
	if err := r.serve("web.elsewhere-" + r.name + ".example"); err != nil {
		t.Fatal(err)
	}
	r.awaitEndpoint(v1.ReasonRouted)
	r.project("{hostSuffixes: [" + r.name + ".example]}")
	if message := r.awaitEndpoint(v1.ReasonHostNotAllowed); !strings.Contains(message, "does not belong to project "+r.name) {
		t.Errorf("message %q", message)
	}
}

// Admission says it before there is anything to reconcile.
func TestAdmissionRejectsAHostOutsideTheProject(t *testing.T) {
	r := newRoom(t, "admitted")
	r.project("{hostSuffixes: [" + r.name + ".example]}")
	var last error
	r.await("the policy to be in force", func() bool {
		last = r.serve("web.elsewhere.example", client.DryRunAll)
		return apierrors.IsInvalid(last) && strings.Contains(last.Error(), "does not belong to project "+r.name)
	}, func() any { return last })
	if err := r.serve("not"+r.name+".example", client.DryRunAll); !apierrors.IsInvalid(err) {
		t.Errorf("a name that only ends alike: %v", err)
	}
	if err := r.serve("web." + r.name + ".example"); err != nil {
		t.Errorf("a host of its own: %v", err)
	}
	r.awaitEndpoint(v1.ReasonRouted)
}
