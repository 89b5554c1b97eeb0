package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/templates"
)

func admin(t *testing.T) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(control.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// addNode adds a ready node with devices, until the test ends.
func addNode(t *testing.T, name string, device corev1.ResourceName, count string) {
	t.Helper()
	has := corev1.ResourceList{device: resource.MustParse(count)}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: corev1.NodeStatus{Capacity: has, Allocatable: has,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
	if _, err := admin(t).CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin(t).CoreV1().Nodes().Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// addPod adds a pod with devices of a node. No kubelet runs it.
func addPod(t *testing.T, namespace, name, node string, device corev1.ResourceName, count string) {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := admin(t).CoreV1().ServiceAccounts(namespace).Create(t.Context(), account, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"dudaji.com/npudeploy": "of-" + name}},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{
			Name: "server", Image: "example.com/server",
			Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{device: resource.MustParse(count)}},
		}}},
	}
	if _, err := admin(t).CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// grantList lets a user list a resource everywhere, or in one namespace.
func grantList(t *testing.T, user, namespace, resource string) {
	t.Helper()
	rules := []rbacv1.PolicyRule{{APIGroups: []string{"", "dudaji.com"}, Resources: []string{resource}, Verbs: []string{"list"}}}
	meta := metav1.ObjectMeta{Name: strings.Join([]string{"test", user, "list", resource}, "-")}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}
	rbac, to := admin(t).RbacV1(), rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name}
	if _, err := rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	var err error
	if namespace == "" {
		_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: to, Subjects: subjects}, metav1.CreateOptions{})
	} else {
		_, err = rbac.RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: to, Subjects: subjects}, metav1.CreateOptions{})
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// withHighRate lets a user repeat requests until something has changed.
func withHighRate(o *api.Options) { o.Limits.User.PerSecond = 1000 }

// withUsers authenticates users that no other test gives permissions to.
func withUsers(names ...string) func(*api.Options) {
	return func(o *api.Options) {
		o.Authenticator = usersByName{names}
		withHighRate(o)
	}
}

func (s *fixture) devices(user string) devices.View {
	s.t.Helper()
	var answer devices.View
	if err := json.Unmarshal(s.ask(user, http.MethodGet, "/api/v1/devices", "").wantStatus(s.t, http.StatusOK).body, &answer); err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// awaitDevices repeats the request until the answer is as desired.
func (s *fixture) awaitDevices(user string, want func(devices.View) bool) devices.View {
	s.t.Helper()
	var answer devices.View
	await(s.t, user+"'s devices", func() bool {
		answer = s.devices(user)
		return want(answer)
	})
	return answer
}

func countOf(answer devices.View, kind string) devices.Type {
	for _, count := range answer.Types {
		if count.Type == kind {
			return count
		}
	}
	return devices.Type{}
}

func TestDevicesAreCountedForAllUsersAndNamedByPermission(t *testing.T) {
	t.Parallel()
	s := newFixture(t, withUsers("ops", "member", "stranger"))
	foreign := control.Namespace(t)
	grantList(t, "ops", "", "nodes")
	grantList(t, "ops", "", "pods")
	grantList(t, "member", s.namespace, "pods")
	addNode(t, "x330-a", "sapeon.com/snx3", "8")
	addNode(t, "x330-b", "sapeon.com/snx3", "4")
	addPod(t, s.namespace, "mine", "x330-a", "sapeon.com/snx3", "2")
	addPod(t, foreign, "theirs", "x330-b", "sapeon.com/snx3", "1")

	want := devices.Type{Type: "x330", Total: 12, Allocatable: 12, Allocated: 3, Free: 9, LargestFree: 6}
	for user, names := range map[string]struct{ nodes, pods, projects []string }{
		"ops":      {[]string{"x330-a", "x330-b"}, []string{"mine", "theirs"}, []string{s.namespace, foreign}},
		"member":   {[]string{"x330-a", ""}, []string{"mine"}, []string{s.namespace}},
		"stranger": {[]string{"", ""}, nil, nil},
	} {
		answer := s.awaitDevices(user, func(answer devices.View) bool { return countOf(answer, "x330") == want })
		var nodes, pods, projects []string
		for _, node := range answer.Nodes {
			if node.Types[0].Type != "x330" {
				continue // another test's
			}
			nodes = append(nodes, node.Name)
			for _, holder := range node.Holders {
				pods = append(pods, holder.Pod.Name)
				if holder.Pod.NpuDeploy != "of-"+holder.Pod.Name {
					t.Errorf("%s gets %+v", user, holder)
				}
			}
		}
		for _, project := range answer.Projects {
			if project.Namespace == s.namespace || project.Namespace == foreign {
				projects = append(projects, project.Namespace)
			}
		}
		slices.Sort(names.projects)
		if !slices.Equal(nodes, names.nodes) || !slices.Equal(pods, names.pods) || !slices.Equal(projects, names.projects) {
			t.Errorf("%s gets nodes %q, pods %q and projects %q; want %+v", user, nodes, pods, projects, names)
		}
	}
}

// events yields the data of a stream's events, until the test ends.
func (s *fixture) events(user, path string) <-chan devices.View {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+user)
	response, err := http.DefaultClient.Do(request) //nolint:bodyclose // The reader below closes it.
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s", path, response.Status)
	}
	events := make(chan devices.View)
	ctx := s.t.Context()
	go func() {
		defer func() { _ = response.Body.Close() }()
		defer close(events)
		lines := bufio.NewScanner(response.Body)
		for lines.Buffer(nil, 1<<20); lines.Scan(); {
			data, found := strings.CutPrefix(lines.Text(), "data: ")
			var answer devices.View
			if !found || json.Unmarshal([]byte(data), &answer) != nil {
				continue
			}
			select {
			case events <- answer:
			case <-ctx.Done():
				return
			}
		}
	}()
	return events
}

// awaitEvent reads events until one is as it has to be.
func awaitEvent(t *testing.T, events <-chan devices.View, want func(devices.View) bool) {
	t.Helper()
	for {
		select {
		case answer, more := <-events:
			if !more {
				t.Fatal("the stream has ended")
			}
			if want(answer) {
				return
			}
		case <-time.After(time.Minute):
			t.Fatal("the stream is silent")
		}
	}
}

func TestDeviceWatchSendsTheNewestState(t *testing.T) {
	t.Parallel()
	s := newFixture(t, withUsers("member"))
	addNode(t, "rebel-a", "rebellions.ai/REBEL", "8")
	events := s.events("member", "/api/v1/watch/devices")
	awaitEvent(t, events, func(answer devices.View) bool { return countOf(answer, "rebel").Free == 8 })
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		addPod(t, s.namespace, name, "rebel-a", "rebellions.ai/REBEL", "1")
	}
	awaitEvent(t, events, func(answer devices.View) bool { return countOf(answer, "rebel").Free == 2 })
	if err := admin(t).CoreV1().Pods(s.namespace).Delete(t.Context(), "a", metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
		t.Fatal(err)
	}
	awaitEvent(t, events, func(answer devices.View) bool { return countOf(answer, "rebel").Free == 3 })
}

// The stream revalidates permissions.
func TestDeviceWatchFollowsChangesOfPermissions(t *testing.T) {
	t.Parallel()
	s := newFixture(t, withUsers("later"), func(o *api.Options) { o.Limits.Streams.Revalidate = 100 * time.Millisecond })
	addNode(t, "gpu-a", "nvidia.com/gpu", "8")
	addPod(t, s.namespace, "mine", "gpu-a", "nvidia.com/gpu", "2")
	mine := func(answer devices.View) bool {
		return slices.ContainsFunc(answer.Projects, func(p devices.Project) bool { return p.Namespace == s.namespace })
	}
	events := s.events("later", "/api/v1/watch/devices")
	awaitEvent(t, events, func(answer devices.View) bool {
		if mine(answer) {
			t.Error("the project is shown too early")
		}
		return countOf(answer, "nvidia").Allocated == 2
	})
	grantList(t, "later", s.namespace, "pods")
	awaitEvent(t, events, mine)
}

// silent is an unreachable Prometheus.
type silent struct{}

func (silent) Query(context.Context, string, time.Time) (fetchers.Answer, error) {
	return fetchers.Answer{}, fetchers.ErrUnreachable
}

func TestDevicesAreCountedWhilePrometheusIsUnreachable(t *testing.T) {
	t.Parallel()
	collector := fetchers.NewCollector(fetchers.NewFetchers(time.Minute, time.Now), silent{}, time.Second, time.Now)
	poller := fetchers.NewPoller(collector, time.Minute, clock.RealClock{}, func() float64 { return 0 })
	go poller.Run(t.Context())
	s := newFixture(t, withUsers("stranger"), func(o *api.Options) {
		store, err := templates.Open("", templates.Hooks{})
		if err != nil {
			t.Fatal(err)
		}
		o.Devices = newDeviceStore(t, store, poller)
	})
	answer := s.awaitDevices("stranger", func(answer devices.View) bool { return answer.Metrics.State == devices.MetricsRead })
	if len(answer.Types) != 4 || len(answer.Metrics.Vendors) != len(fetchers.Vendors()) {
		t.Errorf("the answer is %+v", answer)
	}
	for _, vendor := range answer.Metrics.Vendors {
		if vendor.Problem == "" || !vendor.Fetched.IsZero() {
			t.Errorf("the stranger gets %+v", vendor)
		}
	}
}
