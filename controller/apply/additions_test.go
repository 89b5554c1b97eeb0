package apply_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const added = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: NAMESPACE}, spec: {template: {spec: {"

func TestAdditionsOfOtherManagersAreReported(t *testing.T) {
	for name, c := range map[string]struct {
		add  func(f *fixture)
		want string
	}{
		"a replaced Deployment with another container": {
			func(f *fixture) {
				object := f.get(deployment)
				containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
				f.Must(err)
				containers = append(containers, map[string]any{"name": "debug", "image": "debug:1"})
				f.Must(unstructured.SetNestedSlice(object.Object, containers, "spec", "template", "spec", "containers"))
				f.Must(f.Client.Update(f.Context(), object, client.FieldOwner("kubectl-replace")))
				f.awaitCache(object)
			},
			`Deployment web also has spec.template.spec.containers[debug] of "kubectl-replace"`,
		},
		"an applied variable and port": {
			func(f *fixture) {
				f.applyAs("argocd", added+"containers: [{name: server, env: [{name: DEBUG, value: '1'}], ports: [{containerPort: 9}]}]}}}}")
			},
			`Deployment web also has spec.template.spec.containers[server].env[DEBUG], spec.template.spec.containers[server].ports[9/TCP] of "argocd"`,
		},
		"applied init containers and volumes": {
			func(f *fixture) {
				f.applyAs("argocd", added+"initContainers: [{name: init, image: init}], volumes: [{name: v, emptyDir: {}}]}}}}")
			},
			`Deployment web also has spec.template.spec.initContainers, spec.template.spec.volumes[v] of "argocd"`,
		},
		"an edited Service": {
			func(f *fixture) {
				f.patch(service, `{"spec":{"sessionAffinity":"ClientIP"}}`, "kubectl-edit")
			},
			`Service web also has spec.sessionAffinity, spec.sessionAffinityConfig of "kubectl-edit"`,
		},
		"replicas": {func(f *fixture) { f.scale(5) }, ""},
		"a restart": {
			func(f *fixture) {
				f.patch(deployment, `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}`, "kubectl-rollout")
			},
			"",
		},
		"metadata": {
			func(f *fixture) {
				f.patch(service, `{"metadata":{"annotations":{"a":"b"},"labels":{"a":"b"}}}`, "kubectl-annotate")
			},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			manifests := []string{aService, with(aLongDeployment, "  replicas: 3\n", "")}
			f.wantApply("created Service web, created Deployment web", manifests...)
			f.awaitCache(f.get(deployment))
			f.awaitCache(f.get(service))
			c.add(f)
			f.wantQuiet(manifests...)
			if f.result.Additions != c.want {
				t.Errorf("reported %q, want %q", f.result.Additions, c.want)
			}
			f.restart()
			f.wantQuiet(manifests...)
			if f.result.Additions != c.want {
				t.Errorf("reported %q after a restart, want %q", f.result.Additions, c.want)
			}
		})
	}
}

func TestRemovedAdditionIsNotReported(t *testing.T) {
	f := newFixture(t)
	f.wantApply("created Deployment web", aDeployment)
	f.awaitCache(f.get(deployment))
	f.applyAs("argocd", added+"containers: [{name: debug, image: debug}]}}}}")
	f.wantQuiet(aDeployment)
	if f.result.Additions == "" {
		t.Error("an addition is not reported")
	}
	f.applyAs("argocd", added+"}}}}")
	f.wantQuiet(aDeployment)
	if f.result.Additions != "" {
		t.Errorf("reported %q", f.result.Additions)
	}
}
