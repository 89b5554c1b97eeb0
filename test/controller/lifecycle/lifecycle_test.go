package lifecycle_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// calm is how long nothing has to happen before a test says that nothing does.
const calm = 2 * time.Second

func TestRestartWritesNothing(t *testing.T) {
	s := newScene(t)
	first := s.controller(controller.Options{})
	s.user(aDeploy)
	s.awaitReason(v1.ConditionApplied, v1.ReasonApplied)
	first.Quiet(t, s.namespace, calm)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second := s.controller(controller.Options{})
	s.await("the second controller to look", func() bool { return second.Metric(t, "nufi_applies_total") >= 3 })
	second.Quiet(t, s.namespace, calm)
	if wrote := second.Writes(s.namespace); len(wrote) > 0 {
		t.Errorf("the second controller wrote %v", wrote)
	}
}

func TestDriftDuringRestartIsCorrected(t *testing.T) {
	s := newScene(t)
	first := s.controller(controller.Options{})
	s.user(aDeploy)
	s.awaitReason(v1.ConditionApplied, v1.ReasonApplied)
	first.Quiet(t, s.namespace, calm)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Delete(t.Context(), s.find(service)); err != nil {
		t.Fatal(err)
	}
	s.controller(controller.Options{})
	s.await("the service to be back", func() bool { return s.find(service) != nil })
}

func TestStandbyTakesOver(t *testing.T) {
	s := newScene(t)
	const leases = "default"
	options := controller.Options{LeaderElection: true, LeaderElectionNamespace: leases}
	first := s.controller(options)
	s.user(aDeploy)
	s.awaitReason(v1.ConditionApplied, v1.ReasonApplied)
	second := s.controller(options)
	s.await("the second to ask for the lease", func() bool { return second.Requests(leases) > 0 })
	if err := s.client.Delete(t.Context(), s.find(service)); err != nil {
		t.Fatal(err)
	}
	s.await("the first to bring the service back", func() bool { return s.find(service) != nil })
	if wrote := second.Writes(s.namespace); len(wrote) > 0 {
		t.Errorf("without the lease the second wrote %v", wrote)
	}
	s.stop(first)
	if err := s.client.Delete(t.Context(), s.find(service)); err != nil {
		t.Fatal(err)
	}
	s.await("the second to bring the service back", func() bool { return s.find(service) != nil })
}

func TestControllerRecoversFromAnAPIServerOutage(t *testing.T) {
	s := newScene(t)
	s.controller(controller.Options{})
	s.user(aDeploy)
	s.awaitReason(v1.ConditionApplied, v1.ReasonApplied)
	if err := control.Cluster(t).StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	if err := control.Cluster(t).StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.await("the service to be deleted", func() bool {
		object := s.find(service)
		return object != nil && s.client.Delete(t.Context(), object) == nil
	})
	s.await("the service to be back", func() bool { return s.find(service) != nil })
}

func TestKindInstalledLaterIsUsedWithoutRestart(t *testing.T) {
	s := newScene(t)
	s.controller(controller.Options{})
	s.user(aDeploy + "  endpoint: {host: web.example, kind: VirtualService}\n")
	condition := s.awaitReason(v1.ConditionApplied, v1.ReasonKindNotInstalled)
	if !strings.Contains(condition.Message, "VirtualService of networking.istio.io/v1") {
		t.Errorf("message %q", condition.Message)
	}
	if s.find(service) == nil {
		t.Error("the other children were not applied")
	}
	root, err := cluster.Checkout(".")
	if err != nil {
		t.Fatal(err)
	}
	if err := control.Cluster(t).ApplyCRD(t.Context(), filepath.Join(root, "devcluster/crds/virtualservices.yaml")); err != nil {
		t.Fatal(err)
	}
	s.awaitReason(v1.ConditionApplied, v1.ReasonApplied)
	s.awaitReason(v1.ConditionEndpoint, v1.ReasonRouted)
	if err := s.client.Delete(t.Context(), s.find(virtualService)); err != nil {
		t.Fatal(err)
	}
	s.await("the route to be back", func() bool { return s.find(virtualService) != nil })
}
