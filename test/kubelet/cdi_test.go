package kubelet

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	oci "github.com/opencontainers/runtime-spec/specs-go"
	v1 "k8s.io/api/core/v1"
	"tags.cncf.io/container-device-interface/pkg/cdi"
)

// A runtime reads a node's number from the host, and only root can create nodes in a folder. These
// cards have the names of nodes that every machine has.
var nodesOfAnyMachine = []string{"full", "zero", "random"}

func TestCDIDevicesOfAContainerAreResolvable(t *testing.T) {
	f, h, specs := newFolder(t), newHost(t, len(nodesOfAnyMachine)), filepath.Join(t.TempDir(), "cdi")
	for card, name := range nodesOfAnyMachine {
		h.set(card, fmt.Sprintf("sapeon/snx3_%d/uevent", card), "DEVNAME="+name)
		h.write("dev/"+name, "")
	}
	h.write("dev/null", "")
	description := quickX330(t, withMount, func(d map[string]any) {
		d["nodes"].(map[string]any)["shared"] = []string{"/dev/null"}
	})
	k := startKubelet(t, f)
	startPlugin(t, h, f, "--cdi", "always", "--cdi-dir", specs, "--host-prefix", "", "--devices", description).awaitReady()
	k.awaitCapacity(3, 3)
	pod := newPod("llama", 2)
	held := k.mustAdmit(pod)
	if diff := cmp.Diff(addresses(0, 1), held); diff != "" {
		t.Fatalf("devices: -want +got:\n%s", diff)
	}
	want := container{
		Environment: []string{"SAPEON_VISIBLE_DEVICES=" + strings.Join(held, ",")},
		Devices:     []string{"/dev/null c 1:3", "/dev/full c 1:7", "/dev/zero c 1:5"},
		Allowed:     []string{"c 1:3 rw", "c 1:7 rw", "c 1:5 rw"},
		Mounts:      []string{"/opt/sapeon /usr/lib/sapeon ro,nosuid,nodev,bind"},
	}
	if diff := cmp.Diff(want, k.create(pod, specs)); diff != "" {
		t.Errorf("the container: -want +got:\n%s", diff)
	}
}

// CDI has no devices without edits, so that the container gets no device name.
func TestCDIAcceleratorWithoutNodesHasItsMounts(t *testing.T) {
	f, specs := newFolder(t), filepath.Join(t.TempDir(), "cdi")
	description := quickX330(t, withMount, func(d map[string]any) { delete(d, "nodes") })
	k := startKubelet(t, f)
	startPlugin(t, newHost(t, 4), f, "--cdi", "always", "--cdi-dir", specs, "--host-prefix", "", "--devices", description).awaitReady()
	k.awaitCapacity(4, 4)
	pod := newPod("llama", 2)
	held := k.mustAdmit(pod)
	want := container{
		Environment: []string{"SAPEON_VISIBLE_DEVICES=" + strings.Join(held, ",")},
		Mounts:      []string{"/opt/sapeon /usr/lib/sapeon ro"},
	}
	if diff := cmp.Diff(want, k.create(pod, specs)); diff != "" {
		t.Errorf("the container: -want +got:\n%s", diff)
	}
}

// With CDI a container of before a restart of the node starts, with the current nodes of its devices.
func TestCDINamesAreResolvedAfterNodesWereRenumbered(t *testing.T) {
	f, h, specs := newFolder(t), newHost(t, 2), filepath.Join(t.TempDir(), "cdi")
	k := startKubelet(t, f)
	p := startPlugin(t, h, f, "--cdi", "always", "--cdi-dir", specs)
	p.awaitReady()
	k.awaitCapacity(2, 2)
	pod := newPod("llama", 1)
	k.mustAdmit(pod)
	k.stop()
	p.terminate()
	h.renumber(map[int]int{0: 1, 1: 0})

	k = startKubelet(t, f, pod)
	startPlugin(t, h, f, "--cdi", "always", "--cdi-dir", specs).awaitReady()
	k.awaitCapacity(2, 2)
	k.mustAdmit(pod)
	options, err := k.containerOptions(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := cdi.NewCache(cdi.WithSpecDirs(specs), cdi.WithAutoRefresh(false))
	if err != nil {
		t.Fatal(err)
	}
	if len(options.Devices) != 0 || len(options.CDIDevices) != 1 {
		t.Fatalf("got nodes %v and names %v", options.Devices, options.CDIDevices)
	}
	if got := cache.GetDevice(options.CDIDevices[0].Name).ContainerEdits.DeviceNodes[0].Path; got != "/dev/snx3_1" {
		t.Errorf("the container gets %s, want the device's node /dev/snx3_1", got)
	}
}

// withMount mounts a folder of the host in each container.
func withMount(description map[string]any) {
	description["container"].(map[string]any)["mounts"] = []any{
		map[string]string{"hostPath": "/opt/sapeon", "containerPath": "/usr/lib/sapeon"},
	}
}

// container is the container that a runtime would create.
type container struct {
	Environment []string
	Devices     []string // path, type and number
	Allowed     []string // type, number and access
	Mounts      []string // source, destination and options
}

// create returns the container of a pod as a runtime creates it: from the kubelet's options, and the
// CDI specifications by CDI's own library.
func (k *kubelet) create(pod *v1.Pod, specs string) container {
	k.t.Helper()
	options, err := k.containerOptions(k.t.Context(), pod)
	if err != nil {
		k.t.Fatal(err)
	}
	if len(options.Devices) != 0 {
		k.t.Errorf("the kubelet adds devices beside those of CDI: %v", options.Devices)
	}
	spec := &oci.Spec{Process: &oci.Process{}}
	for _, e := range options.Envs {
		spec.Process.Env = append(spec.Process.Env, e.Name+"="+e.Value)
	}
	for _, m := range options.Mounts {
		mount := oci.Mount{Source: m.HostPath, Destination: m.ContainerPath}
		if m.ReadOnly {
			mount.Options = []string{"ro"}
		}
		spec.Mounts = append(spec.Mounts, mount)
	}
	var names []string
	for _, device := range options.CDIDevices {
		names = append(names, device.Name)
	}
	inject(k.t, spec, specs, names)
	return summarize(spec)
}

func inject(t *testing.T, spec *oci.Spec, specs string, names []string) {
	t.Helper()
	cache, err := cdi.NewCache(cdi.WithSpecDirs(specs), cdi.WithAutoRefresh(false))
	if err != nil {
		t.Fatal(err)
	}
	for file, errs := range cache.GetErrors() {
		t.Errorf("the runtime rejects %s: %v", file, errs)
	}
	if unresolved, err := cache.InjectDevices(spec, names...); err != nil {
		t.Fatalf("the runtime does not resolve %v: %v", unresolved, err)
	}
}

func summarize(spec *oci.Spec) container {
	c := container{Environment: spec.Process.Env}
	for _, m := range spec.Mounts {
		c.Mounts = append(c.Mounts, m.Source+" "+m.Destination+" "+strings.Join(m.Options, ","))
	}
	if spec.Linux == nil {
		return c
	}
	for _, d := range spec.Linux.Devices {
		c.Devices = append(c.Devices, fmt.Sprintf("%s %s %d:%d", d.Path, d.Type, d.Major, d.Minor))
	}
	if spec.Linux.Resources != nil {
		for _, d := range spec.Linux.Resources.Devices {
			c.Allowed = append(c.Allowed, fmt.Sprintf("%s %d:%d %s", d.Type, *d.Major, *d.Minor, d.Access))
		}
	}
	return c
}
