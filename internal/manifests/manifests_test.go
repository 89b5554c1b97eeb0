package manifests_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/dudaji/nufi/internal/manifests"
)

func TestCheckRejectsDisallowedObjects(t *testing.T) {
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
		"another's replicas":   "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a, namespace: team}, spec: {scaleTargetRef: {kind: Deployment, name: b}}}",
		"another's scale":      "{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: a, namespace: team}, spec: {scaleTargetRef: {name: b}}}",
		"malformed metadata":   "{apiVersion: v1, kind: Service, metadata: [name]}",
	} {
		t.Run(name, func(t *testing.T) {
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
				t.Fatal(err)
			}
			err := manifests.Check(deployOwner(), []*unstructured.Unstructured{object})
			if notAllowed := (*manifests.NotAllowedError)(nil); !errors.As(err, &notAllowed) {
				t.Errorf("the error is %v, want a NotAllowedError", err)
			}
		})
	}
}

const theNamespace = "{apiVersion: v1, kind: Namespace, metadata: {name: team}}"

func TestCheckRejectsAutoscalersBeyondTheDeployment(t *testing.T) {
	const deployment = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: team}}"
	const scaledObject = "{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: a, namespace: team}, spec: {scaleTargetRef: {name: a}, "
	for name, test := range map[string]struct {
		manifest string
		allowed  bool
	}{
		"its own deployment":  {scaledObject + "triggers: [{type: prometheus, authenticationRef: {name: b}}]}}", true},
		"cluster credentials": {scaledObject + "triggers: [{type: prometheus, authenticationRef: {name: b, kind: ClusterTriggerAuthentication}}]}}", false},
		"another set":         {scaledObject[:len(scaledObject)-len("{name: a}, ")] + "{name: a, apiVersion: leaderworkerset.x-k8s.io/v1, kind: LeaderWorkerSet}}}", false},
		"another kind": {"{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a, namespace: team}, " +
			"spec: {scaleTargetRef: {kind: StatefulSet, name: a}}}", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := manifests.Check(deployOwner(), parsed(t, deployment, test.manifest))
			if (err == nil) != test.allowed {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestCheckRejectsALeaderWorkerSetWithTheNameOfAService(t *testing.T) {
	const service = "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: team}}"
	const set = "{apiVersion: leaderworkerset.x-k8s.io/v1, kind: LeaderWorkerSet, metadata: {name: NAME, namespace: team}, spec: {}}"
	const scaler = "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a, namespace: team}, " +
		"spec: {scaleTargetRef: {apiVersion: leaderworkerset.x-k8s.io/v1, kind: LeaderWorkerSet, name: a-lws}}}"
	if err := manifests.Check(deployOwner(), parsed(t, service, strings.Replace(set, "NAME", "a-lws", 1), scaler)); err != nil {
		t.Errorf("a LeaderWorkerSet with a name of its own, and its autoscaler: %v", err)
	}
	if err := manifests.Check(deployOwner(), parsed(t, service, strings.Replace(set, "NAME", "a", 1))); err == nil {
		t.Error("a LeaderWorkerSet with the name of a Service is accepted")
	}
}

// KubeRay would create Roles, routes or Services of its own, drop changes, or ignore the object.
func TestCheckRejectsARayService(t *testing.T) {
	const ray = "{apiVersion: ray.io/v1, kind: RayService, metadata: {name: a, namespace: team}, spec: {rayClusterConfig: {headGroupSpec: {}}}}"
	if err := manifests.Check(deployOwner(), parsed(t, ray)); err != nil {
		t.Fatal(err)
	}
	for name, documents := range map[string][]string{
		"with an autoscaler":     {strings.Replace(ray, "headGroupSpec: {}", "enableInTreeAutoscaling: true", 1)},
		"with an Ingress":        {strings.Replace(ray, "headGroupSpec: {}", "headGroupSpec: {enableIngress: true}", 1)},
		"with a strategy":        {strings.Replace(ray, "spec: {", "spec: {upgradeStrategy: {type: None}, ", 1)},
		"with a long name":       {strings.Replace(ray, "name: a,", "name: "+strings.Repeat("a", 48)+",", 1)},
		"with KubeRay's Service": {"{apiVersion: v1, kind: Service, metadata: {name: a-serve-svc, namespace: team}}", ray},
		"with an external autoscaler": {ray, "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a, namespace: team}, " +
			"spec: {scaleTargetRef: {apiVersion: ray.io/v1, kind: RayService, name: a}}}"},
	} {
		err := manifests.Check(deployOwner(), parsed(t, documents...))
		if notAllowed := (*manifests.NotAllowedError)(nil); !errors.As(err, &notAllowed) {
			t.Errorf("%s: the error is %v, want a NotAllowedError", name, err)
		}
	}
}

func TestCheckRejectsBindingsBeyondAnEndpointPicker(t *testing.T) {
	const account = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: a-epp, namespace: team}}"
	const binding = "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a-epp, namespace: team}, " +
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: nufi-endpoint-picker}, " +
		"subjects: [{kind: ServiceAccount, name: a-epp, namespace: team}]}"
	if err := manifests.Check(deployOwner(), parsed(t, account, binding)); err != nil {
		t.Fatal(err)
	}
	for name, documents := range map[string][]string{
		"another role":             {account, strings.Replace(binding, "nufi-endpoint-picker", "cluster-admin", 1)},
		"a role of a Project":      {account, strings.Replace(binding, "nufi-endpoint-picker", "nufi-project-admin", 1)},
		"a Role of that name":      {account, strings.Replace(binding, "ClusterRole", "Role", 1)},
		"no role":                  {account, strings.Replace(binding, "roleRef", "subjects2", 1)},
		"an account of others":     {binding},
		"an account elsewhere":     {account, strings.Replace(binding, "namespace: team}]", "namespace: kube-system}]", 1)},
		"a user":                   {account, strings.Replace(binding, "[{kind: ServiceAccount", "[{kind: User", 1)},
		"a group":                  {account, strings.Replace(binding, "[{kind: ServiceAccount, name: a-epp", "[{kind: Group, name: 'system:authenticated'", 1)},
		"a malformed role":         {account, "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a, namespace: team}, roleRef: nufi-endpoint-picker}"},
		"a binding of the cluster": {account, strings.Replace(binding, "kind: RoleBinding", "kind: ClusterRoleBinding", 1)},
		"a role of its own":        {account, "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: nufi-endpoint-picker, namespace: team}, rules: []}"},
	} {
		err := manifests.Check(deployOwner(), parsed(t, documents...))
		if notAllowed := (*manifests.NotAllowedError)(nil); !errors.As(err, &notAllowed) {
			t.Errorf("%s: the error is %v, want a NotAllowedError", name, err)
		}
	}
}

func TestIsServer(t *testing.T) {
	deployment := schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	for _, test := range []struct {
		kind schema.GroupVersionKind
		name string
		want bool
	}{
		{deployment, "a", true},
		{deployment, "a-epp", false},
		{deployment, "a-decode", true},
		{deployment, "a-prefill", false},
		{manifests.LeaderWorkerSet(), "a-lws", true},
		{schema.GroupVersionKind{Version: "v1", Kind: "Service"}, "a", false},
	} {
		if got := manifests.IsServer("a", test.kind, test.name); got != test.want {
			t.Errorf("%s %s: %t", test.kind.Kind, test.name, got)
		}
	}
}

func TestCheckRejectsDisallowedProjectObjects(t *testing.T) {
	const binding = "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a, namespace: team}, "
	const viewer = "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: nufi-project-viewer}"
	for name, manifest := range map[string]string{
		"another namespace":            "{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}",
		"a namespace in a namespace":   "{apiVersion: v1, kind: Namespace, metadata: {name: team, namespace: team}}",
		"a namespace's finalizers":     "{apiVersion: v1, kind: Namespace, metadata: {name: team}, spec: {finalizers: [a/b]}}",
		"a deployment":                 "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: team}}",
		"a service account":            "{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: team}}",
		"a secret":                     "{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: team}}",
		"a role":                       "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: a, namespace: team}}",
		"a cluster role":               "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a}}",
		"a cluster role binding":       "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: a}}",
		"a project":                    "{apiVersion: dudaji.com/v1, kind: Project, metadata: {name: a}}",
		"a quota elsewhere":            "{apiVersion: v1, kind: ResourceQuota, metadata: {name: a, namespace: kube-system}}",
		"a policy in no namespace":     "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}}",
		"a quota's status":             "{apiVersion: v1, kind: ResourceQuota, metadata: {name: a, namespace: team}, status: {}}",
		"a binding elsewhere":          "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a, namespace: default}, " + viewer + "}",
		"the built-in edit":            binding + "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}}",
		"cluster-admin":                binding + "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}",
		"a role of our role's name":    binding + "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: nufi-project-viewer}}",
		"no role":                      binding + "subjects: []}",
		"malformed role":               binding + "roleRef: nufi-project-viewer}",
		"a service account as subject": binding + viewer + ", subjects: [{kind: ServiceAccount, name: a, namespace: kube-system}]}",
		"all authenticated users":      binding + viewer + ", subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:authenticated'}]}",
	} {
		t.Run(name, func(t *testing.T) {
			err := manifests.Check(projectOwner(), parsed(t, theNamespace, manifest))
			if notAllowed := (*manifests.NotAllowedError)(nil); !errors.As(err, &notAllowed) {
				t.Errorf("the error is %v, want a NotAllowedError", err)
			}
		})
	}
}

// Without its namespace, a project's first object would have no namespace to be created in.
func TestCheckRejectsAProjectWithoutNamespace(t *testing.T) {
	const quota = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: a, namespace: team}}"
	for _, documents := range [][]string{{}, {quota}, {quota, theNamespace}} {
		if err := manifests.Check(projectOwner(), parsed(t, documents...)); err == nil {
			t.Errorf("accepted: %v", documents)
		}
	}
	if err := manifests.Check(projectOwner(), parsed(t, theNamespace, quota)); err != nil {
		t.Error(err)
	}
}

func parsed(t *testing.T, documents ...string) []*unstructured.Unstructured {
	t.Helper()
	objects := make([]*unstructured.Unstructured, 0, len(documents))
	for _, manifest := range documents {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
	return objects
}

func TestCheckRejectsDuplicates(t *testing.T) {
	const service = "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: team}}"
	if err := manifests.Check(deployOwner(), parsed(t, service, service)); err == nil {
		t.Error("two manifests of one name are accepted")
	}
}

func TestCheckBoundsTheNumberOfObjects(t *testing.T) {
	var documents []string
	for i := range 33 {
		documents = append(documents, fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {name: a-%d, namespace: team}}", i))
	}
	if err := manifests.Check(deployOwner(), parsed(t, documents[1:]...)); err != nil {
		t.Errorf("32 objects: %v", err)
	}
	if err := manifests.Check(deployOwner(), parsed(t, documents...)); err == nil {
		t.Error("33 objects are accepted")
	}
}

func deployOwner() manifests.Owner { return manifests.DeployOwner("team") }

func projectOwner() manifests.Owner { return manifests.ProjectOwner("team") }
