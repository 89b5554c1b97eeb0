package apply_test

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
)

const policyMessage = "no more servers today"

// reject makes a policy reject creations and updates in the namespace, until it is deleted.
func (f *fixture) reject(resource string) client.Object {
	f.Helper()
	binding := f.createPolicy(resource, admissionv1.Create, admissionv1.Update)
	probe := with(aService, "name: web", "name: probe")
	if resource == "deployments" {
		probe = with(aDeployment, "name: web,", "name: probe,")
	}
	f.awaitPolicy(func() error { return f.Client.Create(f.Context(), f.parse(probe)[0], client.DryRunAll) })
	return binding
}

// rejectDeletion makes a policy reject the deletion of an object, until the policy's binding is deleted.
func (f *fixture) rejectDeletion(resource string, object client.Object) client.Object {
	f.Helper()
	binding := f.createPolicy(resource, admissionv1.Delete)
	f.awaitPolicy(func() error { return f.Client.Delete(f.Context(), object, client.DryRunAll) })
	return binding
}

func (f *fixture) awaitPolicy(try func() error) {
	f.Helper()
	f.Await("the policy", func() bool {
		err := try()
		return err != nil && strings.Contains(err.Error(), policyMessage)
	})
}

// createPolicy returns the binding of a policy that rejects operations in the namespace.
func (f *fixture) createPolicy(resource string, operations ...admissionv1.OperationType) client.Object {
	f.Helper()
	name := metav1.ObjectMeta{Name: f.Namespace}
	all := []string{"*"}
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: name,
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: operations,
					Rule:       admissionv1.Rule{APIGroups: all, APIVersions: all, Resources: []string{resource}},
				},
			}}},
			Validations: []admissionv1.Validation{{Expression: "false", Message: policyMessage}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: name,
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        name.Name,
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"kubernetes.io/metadata.name": f.Namespace},
			}},
		},
	}
	f.Create(policy)
	f.Create(binding)
	return binding
}

// hang makes the API server call a webhook that does not respond, before it writes Services.
func (f *fixture) hang() {
	f.Helper()
	ended := make(chan struct{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		select {
		case <-request.Context().Done():
		case <-ended:
		}
	}))
	f.Cleanup(server.Close)
	f.Cleanup(func() { close(ended) })
	sideEffects := admissionv1.SideEffectClassNone
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	f.Create(&admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: f.Namespace},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name:                    "hang.example.com",
			ClientConfig:            admissionv1.WebhookClientConfig{URL: &server.URL, CABundle: certificate},
			TimeoutSeconds:          new(int32(1)),
			SideEffects:             &sideEffects,
			AdmissionReviewVersions: []string{"v1"},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"services"}},
			}},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": f.Namespace}},
		}},
	})
	f.Await("the webhook", func() bool {
		err := f.Client.Create(f.Context(), f.parse(with(aService, "name: web", "name: probe"))[0], client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "hang.example.com")
	})
}

func TestWebhookThatDoesNotAnswerDelaysItsObjectsOnly(t *testing.T) {
	f := newFixture(t)
	f.hang()
	changes, err := f.apply(aServiceAccount, aService, aDeployment)
	if want := "created ServiceAccount web, created Deployment web"; changes != want {
		t.Errorf("changed %q, want %q", changes, want)
	}
	unavailable := (*apply.UnavailableError)(nil)
	if !errors.As(err, &unavailable) || !strings.Contains(err.Error(), "hang.example.com") {
		t.Errorf("error %v, want one that names the webhook", err)
	}
}

// Nor is an error repeated for an object that the informers have and this process has applied.
func TestObjectThatCannotBeDeletedKeepsNoOthers(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created ServiceAccount web, created Service web, created Deployment web", aServiceAccount, aService, aDeployment)
	for _, kind := range []schema.GroupVersionKind{serviceAccount, service, deployment} {
		f.awaitCache(f.get(kind))
	}
	binding := f.rejectDeletion("serviceaccounts", f.get(serviceAccount))
	changes, err := f.apply()
	if want := "pruned Service web, pruned Deployment web"; changes != want {
		t.Errorf("changed %q, want %q", changes, want)
	}
	rejected := (*apply.RejectedError)(nil)
	if !errors.As(err, &rejected) || strings.Count(err.Error(), policyMessage) != 1 {
		t.Errorf("error %v, want that of the ServiceAccount", err)
	}
	f.Must(f.Client.Delete(t.Context(), binding))
	f.Await("the deletion", func() bool {
		changes, err := f.apply()
		return err == nil && changes == "pruned ServiceAccount web"
	})
}

func TestApplyEndsWhenItsFailuresTakeTooLong(t *testing.T) {
	f := newFixture(t)
	f.answer = func() (*http.Response, error) {
		f.clock.Step(time.Minute)
		return refuse(http.StatusInternalServerError, metav1.StatusReasonInternalError)()
	}
	if _, err := f.apply(aService, aDeployment); err == nil || strings.Contains(err.Error(), "Deployment") {
		t.Errorf("error %v, want that of the Service alone", err)
	}
}

// A deleted object is not created again while a policy rejects it. However often that is
// tried, the error is the policy's, and no contention is counted.
func TestRejectionOfADeletedObjectIsReported(t *testing.T) {
	for name, test := range map[string]struct{ resource, manifest string }{
		"service":                     {"services", aService},
		"deployment":                  {"deployments", aDeployment},
		"deployment without replicas": {"deployments", with(aDeployment, "  replicas: 3\n", "")},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			kind := f.parse(test.manifest)[0].GroupVersionKind()
			f.wantApply("created "+kind.Kind+" web", test.manifest)
			binding := f.reject(test.resource)
			f.delete(kind)
			for range 10 {
				_, err := f.apply(test.manifest)
				rejected := (*apply.RejectedError)(nil)
				if !errors.As(err, &rejected) || !strings.Contains(rejected.Message, policyMessage) {
					t.Fatalf("error %v, want the policy's", err)
				}
			}
			f.Must(f.Client.Delete(t.Context(), binding))
			f.Await("the object", func() bool {
				changes, err := f.apply(test.manifest)
				return err == nil && changes != ""
			})
		})
	}
}

func TestRejectionOfACorrectionIsReported(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Service web", aService)
	f.patch(service, otherSelector, "gitops")
	f.reject("services")
	for range 10 {
		_, err := f.apply(aService)
		if rejected := (*apply.RejectedError)(nil); !errors.As(err, &rejected) || !strings.Contains(rejected.Message, policyMessage) {
			t.Fatalf("error %v, want the policy's", err)
		}
	}
}
