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
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/apiserver/api"
	"github.com/dudaji/nufi/apiserver/devices"
	"github.com/dudaji/nufi/fetchers"
	"github.com/dudaji/nufi/internal/render"
	"github.com/dudaji/nufi/internal/templates"
)

// addNode adds a ready node with devices, until the test ends.
func (s *fixture) addNode(name string, device corev1.ResourceName, count string) {
	s.Helper()
	devices := corev1.ResourceList{device: resource.MustParse(count)}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: corev1.NodeStatus{Capacity: devices, Allocatable: devices,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
	s.Create(node)
	s.Cleanup(func() {
		if err := s.Client.Delete(context.WithoutCancel(s.Context()), node); err != nil {
			s.Error(err)
		}
	})
}

// addPod adds a pod with devices of a node. No kubelet runs it.
func (s *fixture) addPod(namespace, name, node string, device corev1.ResourceName, count string) {
	s.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}}
	if !s.Get(account) {
		s.Create(account)
	}
	s.Create(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"dudaji.com/npudeploy": "of-" + name}},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{
			Name: "server", Image: "example.com/server",
			Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{device: resource.MustParse(count)}},
		}}},
	})
}

// grantList lets a user list a resource in a namespace or, if that is empty, everywhere.
func (s *fixture) grantList(user, namespace, resource string) {
	s.Helper()
	s.Grant(rbacv1.PolicyRule{APIGroups: []string{"", "dudaji.com"}, Resources: []string{resource}, Verbs: []string{"list"}}, namespace, user)
}

// withUsers authenticates users that no other test gives permissions to.
func withUsers(names ...string) func(*api.Options) {
	return func(o *api.Options) { o.Authenticator = named(names...) }
}

func (s *fixture) devices(user string) devices.View {
	s.Helper()
	var response devices.View
	if err := json.Unmarshal(s.do(user, http.MethodGet, "/api/v1/devices", "").Want(http.StatusOK).Body, &response); err != nil {
		s.Fatal(err)
	}
	return response
}

// awaitDevices repeats the request until the response is as desired.
func (s *fixture) awaitDevices(user string, want func(devices.View) bool) devices.View {
	s.Helper()
	var response devices.View
	s.Await(user+"'s devices", func() bool {
		response = s.devices(user)
		return want(response)
	})
	return response
}

func countOf(response devices.View, kind string) devices.Type {
	for _, count := range response.Types {
		if count.Type == kind {
			return count
		}
	}
	return devices.Type{}
}

func TestDevicesAreCountedForAllUsersAndNamedByPermission(t *testing.T) {
	t.Parallel()
	s := newFixture(t, withUsers("ops", "member", "stranger"))
	foreign := s.NewNamespace()
	s.grantList("ops", "", "nodes")
	s.grantList("ops", "", "pods")
	s.grantList("member", s.Namespace, "pods")
	s.addNode("x330-a", "sapeon.com/snx3", "8")
	s.addNode("x330-b", "sapeon.com/snx3", "4")
	s.addPod(s.Namespace, "mine", "x330-a", "sapeon.com/snx3", "2")
	s.addPod(foreign, "theirs", "x330-b", "sapeon.com/snx3", "1")

	want := devices.Type{Type: "x330", Total: 12, Allocatable: 12, Allocated: 3, Free: 9, LargestFree: 6}
	for user, names := range map[string]struct{ nodes, pods, projects []string }{
		"ops":      {[]string{"x330-a", "x330-b"}, []string{"mine", "theirs"}, []string{s.Namespace, foreign}},
		"member":   {[]string{"x330-a", ""}, []string{"mine"}, []string{s.Namespace}},
		"stranger": {[]string{"", ""}, nil, nil},
	} {
		response := s.awaitDevices(user, func(response devices.View) bool { return countOf(response, "x330") == want })
		var nodes, pods, projects []string
		for _, node := range response.Nodes {
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
		for _, project := range response.Projects {
			if project.Namespace == s.Namespace || project.Namespace == foreign {
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
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+user)
	response, err := http.DefaultClient.Do(request) //nolint:bodyclose // The reader below closes it.
	if err != nil {
		s.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		s.Fatalf("%s: %s", path, response.Status)
	}
	events := make(chan devices.View)
	ctx := s.Context()
	go func() {
		defer func() { _ = response.Body.Close() }()
		defer close(events)
		lines := bufio.NewScanner(response.Body)
		for lines.Buffer(nil, 1<<20); lines.Scan(); {
			data, found := strings.CutPrefix(lines.Text(), "data: ")
			var response devices.View
			if !found || json.Unmarshal([]byte(data), &response) != nil {
				continue
			}
			select {
			case events <- response:
			case <-ctx.Done():
				return
			}
		}
	}()
	return events
}

// awaitEvent reads events until one matches.
func awaitEvent(t *testing.T, events <-chan devices.View, want func(devices.View) bool) {
	t.Helper()
	for {
		select {
		case response, more := <-events:
			if !more {
				t.Fatal("the stream has ended")
			}
			if want(response) {
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
	s.addNode("rebel-a", "rebellions.ai/REBEL", "8")
	events := s.events("member", "/api/v1/watch/devices")
	awaitEvent(t, events, func(response devices.View) bool { return countOf(response, "rebel").Free == 8 })
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		s.addPod(s.Namespace, name, "rebel-a", "rebellions.ai/REBEL", "1")
	}
	awaitEvent(t, events, func(response devices.View) bool { return countOf(response, "rebel").Free == 2 })
	s.Delete(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: "a"}}, client.GracePeriodSeconds(0))
	awaitEvent(t, events, func(response devices.View) bool { return countOf(response, "rebel").Free == 3 })
}

// The stream revalidates permissions.
func TestDeviceWatchFollowsChangesOfPermissions(t *testing.T) {
	t.Parallel()
	s := newFixture(t, withUsers("later"), func(o *api.Options) { o.Limits.Streams.Revalidate = 100 * time.Millisecond })
	s.addNode("gpu-a", "nvidia.com/gpu", "8")
	s.addPod(s.Namespace, "mine", "gpu-a", "nvidia.com/gpu", "2")
	mine := func(response devices.View) bool {
		return slices.ContainsFunc(response.Projects, func(p devices.Project) bool { return p.Namespace == s.Namespace })
	}
	events := s.events("later", "/api/v1/watch/devices")
	awaitEvent(t, events, func(response devices.View) bool {
		if mine(response) {
			t.Error("the project is shown too early")
		}
		return countOf(response, "nvidia").Allocated == 2
	})
	s.grantList("later", s.Namespace, "pods")
	awaitEvent(t, events, mine)
}

// silent is an unreachable Prometheus.
type silent struct{}

func (silent) Query(context.Context, string, time.Time) (fetchers.QueryResult, error) {
	return fetchers.QueryResult{}, fetchers.ErrUnreachable
}

func TestDevicesAreCountedWhilePrometheusIsUnreachable(t *testing.T) {
	t.Parallel()
	collector := fetchers.NewCollector(fetchers.NewFetchers(time.Minute, time.Now), silent{}, time.Second, time.Now)
	poller := fetchers.NewPoller(collector, time.Minute, clock.RealClock{}, func() float64 { return 0 })
	go poller.Run(t.Context())
	store, err := templates.Open("", templates.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	s := newFixture(t, withUsers("stranger"), func(o *api.Options) {
		o.Devices = devices.NewStore(o.Live, func() *render.Catalogue { return store.Serving().Catalogue }, poller)
	})
	response := s.awaitDevices("stranger", func(response devices.View) bool { return response.Metrics.State == devices.MetricsRead })
	if len(response.Types) != len(store.Serving().Catalogue.Accelerators) || len(response.Metrics.Vendors) != len(fetchers.Vendors()) {
		t.Errorf("the response is %+v", response)
	}
	for _, vendor := range response.Metrics.Vendors {
		if vendor.Problem == "" || !vendor.Fetched.IsZero() {
			t.Errorf("the stranger gets %+v", vendor)
		}
	}
}
