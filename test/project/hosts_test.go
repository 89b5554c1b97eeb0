package project_test

import (
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// createDeploy creates an NpuDeploy named web in the project, with a host.
func (f *fixture) createDeploy(host string, options ...client.CreateOption) error {
	deploy := f.NpuDeploy("web")
	deploy.Spec = v1.NpuDeploySpec{
		Model: "org/model", Accelerator: &v1.Accelerator{Type: "atom"},
		Endpoint: &v1.Endpoint{Kind: v1.EndpointVirtualService, Host: host},
	}
	return f.Client.Create(f.Context(), deploy, options...)
}

// awaitRouted waits until web has its route.
func (f *fixture) awaitRouted() {
	f.Helper()
	f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionEndpoint, metav1.ConditionTrue, v1.ReasonRouted)
}

// awaitHostNotAllowed waits until web's host is rejected, and returns the message.
func (f *fixture) awaitHostNotAllowed() string {
	f.Helper()
	return f.AwaitCondition(f.NpuDeploy("web"), v1.ConditionEndpoint, metav1.ConditionFalse, v1.ReasonHostNotAllowed).Message
}

func TestHostOfAnotherProjectIsNotRoutedUntilReleased(t *testing.T) {
	f := newFixture(t)
	owner := &fixture{Harness: f.Harness, Controller: f.Controller, name: f.name + "-host"}
	suffix := owner.name + ".example"
	owner.applyReady("{hostSuffixes: [" + suffix + "]}")
	f.applyReady("{displayName: Guest}")
	if err := f.createDeploy("web." + suffix); err != nil {
		t.Fatal(err)
	}
	if message := f.awaitHostNotAllowed(); !strings.Contains(message, "belongs to project "+owner.name) {
		t.Errorf("message %q", message)
	}
	if f.Find(route, "web") != nil {
		t.Error("there is a route to another project's host")
	}
	owner.applyReady("{displayName: Host}")
	f.awaitRouted()
	owner.applyReady("{hostSuffixes: [" + suffix + "]}")
	f.awaitHostNotAllowed()
	f.AwaitGone(f.Object(route, "web"))
}

func TestProjectIsLimitedToItsHosts(t *testing.T) {
	f := newFixture(t)
	f.applyReady("{displayName: Own}")
	if err := f.createDeploy("web.elsewhere-" + f.name + ".example"); err != nil {
		t.Fatal(err)
	}
	f.awaitRouted()
	f.applyReady("{hostSuffixes: [" + f.name + ".example]}")
	if message := f.awaitHostNotAllowed(); !strings.Contains(message, "does not belong to project "+f.name) {
		t.Errorf("message %q", message)
	}
}

func TestAdmissionRejectsAHostOutsideTheProject(t *testing.T) {
	f := newFixture(t)
	f.applyReady("{hostSuffixes: [" + f.name + ".example]}")
	var last error
	f.Await("the policy to be in force", func() bool {
		last = f.createDeploy("web.elsewhere.example", client.DryRunAll)
		return apierrors.IsInvalid(last)
	})
	if !strings.Contains(last.Error(), "does not belong to project "+f.name) {
		t.Error(last)
	}
	if !strings.Contains(last.Error(), "it must be, or end in, "+f.name+".example") {
		t.Error(last)
	}
	if err := f.createDeploy("not"+f.name+".example", client.DryRunAll); !apierrors.IsInvalid(err) {
		t.Errorf("a name that only ends alike: %v", err)
	}
	if err := f.createDeploy("web." + f.name + ".example"); err != nil {
		t.Errorf("a host of its own: %v", err)
	}
	f.awaitRouted()
}

// Kubernetes (1.37) replaces a message of more than 5,120 bytes by the policy's expression.
func TestAdmissionNamesNoLongListOfHosts(t *testing.T) {
	f := newFixture(t)
	var suffixes []string
	for i := range 32 {
		suffixes = append(suffixes, fmt.Sprint(strings.Repeat(strings.Repeat("a", 60)+".", 3), f.name, "-", i))
	}
	f.applyReady("{hostSuffixes: [" + strings.Join(suffixes, ", ") + "]}")
	f.Await("the policy to deny a host with a message", func() bool {
		err := f.createDeploy("web.elsewhere.example", client.DryRunAll)
		return apierrors.IsInvalid(err) && strings.Contains(err.Error(), "does not belong to project "+f.name+": it must be, or end in, one of its hostSuffixes")
	})
}
