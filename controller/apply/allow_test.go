package apply_test

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/controller/apply"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

func TestAHostileTemplateReachesNothing(t *testing.T) {
	for name, manifest := range map[string]string{
		"a secret":             "{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: team}}",
		"a pod":                "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: team}}",
		"a role":               "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a, namespace: team}}",
		"a cluster role":       "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: a}}",
		"a namespace":          "{apiVersion: v1, kind: Namespace, metadata: {name: a}}",
		"another group's kind": "{apiVersion: evil.example/v1, kind: Service, metadata: {name: a, namespace: team}}",
		"another version":      "{apiVersion: apps/v1beta1, kind: Deployment, metadata: {name: a, namespace: team}}",
		"another namespace":    "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: kube-system}}",
		"no namespace":         "{apiVersion: v1, kind: Service, metadata: {name: a}}",
		"no name":              "{apiVersion: v1, kind: Service, metadata: {namespace: team, generateName: a}}",
		"no kind":              "{apiVersion: v1, metadata: {name: a, namespace: team}}",
		"another owner":        "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: team, ownerReferences: [{uid: b}]}}",
		"a finalizer":          "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: team, finalizers: [b/c]}}",
		"a uid":                "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: team, uid: b}}",
		"a status":             "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: team}, status: {loadBalancer: {}}}",
		"an account's secrets": "{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: team}, secrets: [{name: b}]}",
		"metadata of no shape": "{apiVersion: v1, kind: Service, metadata: [name]}",
	} {
		t.Run(name, func(t *testing.T) {
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
				t.Fatal(err)
			}
			deploy := &v1.NpuDeploy{}
			deploy.Namespace, deploy.Name = "team", "web"
			_, err := apply.NewSet(deploy, []*unstructured.Unstructured{object})
			refused := (*apply.NotAllowedError)(nil)
			if !errors.As(err, &refused) {
				t.Fatalf("error %v, want a refusal", err)
			}
			if reason, _ := apply.Explain(err); reason != v1.ReasonKindNotAllowed {
				t.Errorf("reason %s", reason)
			}
		})
	}
}

func TestAManifestIsRenderedOnce(t *testing.T) {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte("{apiVersion: v1, kind: Service, metadata: {name: a}}"), &object.Object); err != nil {
		t.Fatal(err)
	}
	if _, err := apply.NewSet(&v1.NpuDeploy{}, []*unstructured.Unstructured{object, object}); err == nil {
		t.Error("two manifests of one name are accepted")
	}
}
