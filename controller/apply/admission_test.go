package apply_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/controller/apply"
)

func TestFieldsThatAdmissionChanges(t *testing.T) {
	t.Parallel()
	const sent = `{"metadata": {"annotations": {"a": "1"}}, "spec": {"cpu": "1", "paused": false, "containers": [
		{"name": "server", "image": "one", "env": [{"name": "A", "value": "1"}]}]}}`
	for name, c := range map[string]struct {
		from, to string
		want     []string
	}{
		"nothing":             {"", "", nil},
		"an equal quantity":   {`"cpu": "1"`, `"cpu": "1000m"`, nil},
		"another quantity":    {`"cpu": "1"`, `"cpu": "2"`, []string{"spec.cpu"}},
		"a zero value":        {`"paused": false, `, ``, nil},
		"an item before":      {`{"name": "server"`, `{"name": "other"}, {"name": "server"`, nil},
		"an image":            {`"one"`, `"two"`, []string{"spec.containers[0].image"}},
		"a variable":          {`"value": "1"`, `"value": "1000m"`, []string{"spec.containers[0].env[0].value"}},
		"an annotation":       {`"a": "1"`, `"a": "1000m"`, []string{"metadata.annotations.a"}},
		"an item that is not": {`"containers": [`, `"others": [`, []string{"spec.containers[0]"}},
	} {
		stored := &unstructured.Unstructured{}
		stored.Object = decoded(t, strings.Replace(sent, c.from, c.to, 1))
		got, err := apply.OverwrittenFields(decoded(t, sent), stored)
		if delta := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); err != nil || delta != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, delta)
		}
	}
}

// decoded decodes a manifest as the API machinery does: whole numbers are int64.
func decoded(tb testing.TB, text string) map[string]any {
	tb.Helper()
	var fields map[string]any
	if err := utiljson.Unmarshal([]byte(text), &fields); err != nil {
		tb.Fatal(err)
	}
	return fields
}

// aTypedDeployment has fields of all types that a comparison tells apart.
const aTypedDeployment = `{"metadata": {"labels": {"a": "1"}, "annotations": {"b": "2"}}, "spec": {
	"replicas": 0, "paused": false, "selector": {"matchLabels": {"app": "web"}},
	"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
	"template": {"metadata": {"labels": {"app": "web"}}, "spec": {
		"terminationGracePeriodSeconds": 30, "automountServiceAccountToken": true, "nodeSelector": {"zone": "a"},
		"tolerations": [{"key": "npu", "operator": "Exists"}],
		"volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}],
		"containers": [{"name": "server", "image": "one", "args": ["--port", "8000"], "env": [{"name": "A", "value": "1"}],
			"ports": [{"name": "http", "containerPort": 8000}], "resources": {"limits": {"cpu": "2", "x/npu": "1"}},
			"readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5},
			"livenessProbe": {"tcpSocket": {"port": 8000}},
			"securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
			"volumeMounts": [{"name": "shm", "mountPath": "/dev/shm", "readOnly": true}]}]}}}}`

func TestEachChangedFieldOfATypedObjectIsFound(t *testing.T) {
	t.Parallel()
	stored := func(text string) *appsv1.Deployment {
		deployment := &appsv1.Deployment{}
		if err := json.Unmarshal([]byte(text), deployment); err != nil {
			t.Fatal(err)
		}
		return deployment
	}
	check := func(text string, want int) {
		got, err := apply.OverwrittenFields(decoded(t, aTypedDeployment), stored(text))
		if err != nil || len(got) != want {
			t.Errorf("%v, %v for %s", got, err, text)
		}
	}
	check(aTypedDeployment, 0)
	values := regexp.MustCompile(`(": |\[)("[^"]*"|\d+|true|false)([,}\]])`).FindAllStringSubmatchIndex(aTypedDeployment, -1)
	for _, at := range values {
		value := aTypedDeployment[at[4]:at[5]]
		changed := map[string]string{"true": "false", "false": "true", `"1Gi"`: `"2Gi"`}[value]
		if changed == "" && value[0] == '"' {
			changed = `"7` + value[1:]
		} else if changed == "" {
			changed = "7" + value
		}
		check(aTypedDeployment[:at[4]]+changed+aTypedDeployment[at[5]:], 1)
	}
	if len(values) < 35 {
		t.Errorf("%d values were changed", len(values))
	}
}

// A conversion of the object takes 295 allocations more.
func TestUnchangedObjectIsComparedInItsOwnType(t *testing.T) {
	stored := &appsv1.Deployment{}
	if err := json.Unmarshal([]byte(aTypedDeployment), stored); err != nil {
		t.Fatal(err)
	}
	sent := decoded(t, aTypedDeployment)
	if got := testing.AllocsPerRun(100, func() { _, _ = apply.OverwrittenFields(sent, stored) }); got > 40 {
		t.Errorf("%v allocations", got)
	}
}

const mirrored = "mirror.example/server:1"

// mirror makes a policy replace the image of Deployments in the namespace, until it is deleted.
func (f *fixture) mirror() client.Object {
	f.Helper()
	binding := f.mutate(`spec.template.spec.containers{name: "server", image: "` + mirrored + `"}`)
	f.Await("the policy", func() bool { return f.createdImage() == mirrored })
	return binding
}

// mutate makes a policy change the containers of Deployments in the namespace, until it is deleted.
func (f *fixture) mutate(containers string) client.Object {
	f.Helper()
	name := metav1.ObjectMeta{Name: f.Namespace}
	policy := &admissionv1.MutatingAdmissionPolicy{
		ObjectMeta: name,
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"}},
				},
			}}},
			Mutations: []admissionv1.Mutation{{
				PatchType: admissionv1.PatchTypeApplyConfiguration,
				ApplyConfiguration: &admissionv1.ApplyConfiguration{Expression: `
					Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [
						Object.` + containers + `
					]}}}}`},
			}},
		},
	}
	binding := &admissionv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: name,
		Spec: admissionv1.MutatingAdmissionPolicyBindingSpec{
			PolicyName: name.Name,
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"kubernetes.io/metadata.name": f.Namespace},
			}},
		},
	}
	f.Create(policy)
	f.Create(binding)
	return binding
}

// createdContainers returns the containers that a new Deployment would have.
func (f *fixture) createdContainers() []any {
	f.Helper()
	probe := f.parse(with(aDeployment, "name: web,", "name: probe,"))[0]
	f.Must(f.Client.Create(f.Context(), probe, client.DryRunAll))
	containers, _, err := unstructured.NestedSlice(probe.Object, "spec", "template", "spec", "containers")
	f.Must(err)
	return containers
}

// createdImage returns the image that a new Deployment would have.
func (f *fixture) createdImage() string {
	f.Helper()
	containers := f.createdContainers()
	image, _, err := unstructured.NestedString(containers[0].(map[string]any), "image")
	f.Must(err)
	return image
}

func TestFieldsThatAdmissionChangesAreReported(t *testing.T) {
	f := newFixture(t)
	policy := f.mirror()
	f.wantApply("created Service web, created Deployment web", aService, aDeployment)
	const want = "admission changed Deployment web (spec.template.spec.containers[0].image)"
	recheck := 10 * time.Minute
	if f.result.Admission != want || f.result.RecheckAfter != recheck {
		t.Errorf("%q, again after %s; want %q after %s", f.result.Admission, f.result.RecheckAfter, want, recheck)
	}
	f.awaitCache(f.get(deployment))
	f.wantQuiet(aService, aDeployment)

	f.restart()
	f.wantApply("", aService, aDeployment)
	if f.result.Admission != want {
		t.Errorf("%q after a restart, want %q", f.result.Admission, want)
	}
	f.wantQuiet(aService, aDeployment)

	f.clock.Step(recheck)
	f.wantApply("", aService, aDeployment)
	f.wantQuiet(aService, aDeployment)

	f.Delete(policy)
	f.Await("the end of the policy", func() bool { return f.createdImage() != mirrored })
	f.wantQuiet(aService, aDeployment)
	f.clock.Step(recheck)
	f.wantApply("configured Deployment web", aService, aDeployment)
	if f.result.Admission != "" || f.result.RecheckAfter != 0 {
		t.Errorf("%q, again after %s, without the policy", f.result.Admission, f.result.RecheckAfter)
	}
	f.awaitCache(f.get(deployment))
	f.wantQuiet(aService, aDeployment)
}

// A service mesh adds containers: that is reported, and neither changed nor applied again.
func TestContainerThatAdmissionAddsIsReported(t *testing.T) {
	f := newFixture(t)
	policy := f.mutate(`spec.template.spec.containers{name: "proxy", image: "proxy:1"}, Object.spec.template.spec.containers{
		name: "server", env: [Object.spec.template.spec.containers.env{name: "PROXY", value: "on"}]}`)
	f.Await("the policy", func() bool { return len(f.createdContainers()) == 2 })
	f.wantApply("created Deployment web", aDeployment)
	const want = "Deployment web also has spec.template.spec.containers[proxy], " +
		"spec.template.spec.containers[server].env[PROXY] of an admission policy or webhook"
	check := func(when string) {
		t.Helper()
		if f.result.Additions != want || f.result.Admission != "" || f.result.RecheckAfter != 0 {
			t.Errorf("%s: %q and %q, again after %s; want %q", when, f.result.Additions, f.result.Admission, f.result.RecheckAfter, want)
		}
	}
	check("created")
	f.awaitCache(f.get(deployment))
	f.wantQuiet(aDeployment)
	f.restart()
	f.wantQuiet(aDeployment)
	check("after a restart")

	f.Delete(policy)
	f.Await("the end of the policy", func() bool { return len(f.createdContainers()) == 1 })
	changed := with(aDeployment, "server:1", "server:2")
	f.wantApply("configured Deployment web", changed)
	check("without the policy")
	object := f.get(deployment)
	f.Must(unstructured.SetNestedSlice(object.Object, f.createdContainers(), "spec", "template", "spec", "containers"))
	f.Must(f.Client.Update(f.Context(), object))
	f.awaitCache(object)
	f.wantApply("healed Deployment web", changed)
	if f.result.Additions != "" {
		t.Errorf("%q after the container was removed", f.result.Additions)
	}
}

// Defaults, other forms of a quantity, and fields with a zero value are no changes.
func TestAcceptedFieldsAreNotReported(t *testing.T) {
	f := newFixture(t)
	_, err := f.apply(aServiceAccount, aService, with(aDeployment,
		"resources: {limits: {cpu: 1000m}}", `resources: {limits: {cpu: 2, memory: 1024Mi, "example.com/npu": "4"}}`,
		"image: server:1", "image: server:1\n        tty: false\n        readinessProbe: {tcpSocket: {port: 8000}, initialDelaySeconds: 0}",
		"volumeMounts: [", "volumeMounts: [{name: shm, mountPath: /tmp}, ",
		"volumes: [{name: shm, emptyDir: {}}]", "volumes: [{name: shm, emptyDir: {medium: Memory, sizeLimit: 0.5Gi}}]"))
	if err != nil || f.result.Admission != "" {
		t.Errorf("%q, error %v", f.result.Admission, err)
	}
}
