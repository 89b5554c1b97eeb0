package allocate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudaji/nufi/deviceplugin/allocate"
	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/discovery"
)

func granter() allocate.Granter {
	return allocate.Granter{
		Resource: "sapeon.com/snx3",
		Container: description.Container{
			Environment: "SAPEON_VISIBLE_DEVICES",
			Mounts:      []description.Mount{{HostPath: "/opt/sapeon/lib", ContainerPath: "/usr/lib/sapeon"}},
		},
		Shared:     func() []string { return []string{"/dev/snx3ctl"} },
		Target:     func(node string) string { return node },
		HostPrefix: "/fake",
	}
}

func cards() []discovery.Device {
	return []discovery.Device{
		{ID: "0000:5e:00.0", Nodes: []string{"/dev/snx3_1"}},
		{ID: "0000:3b:00.0", Nodes: []string{"/dev/snx3_0", "/dev/snx3_0_mem"}},
	}
}

func TestGrantHasSharedNodesAndMountsOnce(t *testing.T) {
	want := allocate.Grant{
		Environment: map[string]string{"SAPEON_VISIBLE_DEVICES": "0000:3b:00.0,0000:5e:00.0"},
		Edits: allocate.Edits{
			Nodes: []allocate.Path{
				{Container: "/dev/snx3_0", Host: "/fake/dev/snx3_0"},
				{Container: "/dev/snx3_0_mem", Host: "/fake/dev/snx3_0_mem"},
				{Container: "/dev/snx3_1", Host: "/fake/dev/snx3_1"},
				{Container: "/dev/snx3ctl", Host: "/fake/dev/snx3ctl"},
			},
			Mounts: []allocate.Mount{{Path: allocate.Path{Container: "/usr/lib/sapeon", Host: "/fake/opt/sapeon/lib"}, ReadOnly: true}},
		},
	}
	if diff := cmp.Diff(want, granter().Grant(cards())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestGrantWithCDIHasNoEdits(t *testing.T) {
	g := granter()
	g.CDI = true
	want := allocate.Grant{
		Environment: map[string]string{"SAPEON_VISIBLE_DEVICES": "0000:3b:00.0,0000:5e:00.0"},
		CDI:         []string{"sapeon.com/snx3=0000:3b:00.0", "sapeon.com/snx3=0000:5e:00.0"},
	}
	if diff := cmp.Diff(want, g.Grant(cards())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestGrantWithCDIOfDevicesWithoutNodesHasSharedEdits(t *testing.T) {
	g := granter()
	g.CDI = true
	want := allocate.Grant{
		Environment: map[string]string{"SAPEON_VISIBLE_DEVICES": "0000:3b:00.0"},
		Edits: allocate.Edits{
			Nodes:  []allocate.Path{{Container: "/dev/snx3ctl", Host: "/fake/dev/snx3ctl"}},
			Mounts: []allocate.Mount{{Path: allocate.Path{Container: "/usr/lib/sapeon", Host: "/fake/opt/sapeon/lib"}, ReadOnly: true}},
		},
	}
	if diff := cmp.Diff(want, g.Grant([]discovery.Device{{ID: "0000:3b:00.0"}})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestGrantWithoutEnvironmentNameHasNoVariable(t *testing.T) {
	g := granter()
	g.Container.Environment = ""
	if got := g.Grant(cards()).Environment; got != nil {
		t.Errorf("got %v", got)
	}
}

func TestGrantListsIndexes(t *testing.T) {
	g := granter()
	g.Container.EnvironmentValue = description.EnvironmentIndex
	devices := []discovery.Device{
		{ID: "0000:3b:00.0", Nodes: []string{"/dev/accel/accel_controlD12", "/dev/accel/accel12"}},
		{ID: "0000:5e:00.0", Nodes: []string{"/dev/ctl", "/dev/accel/accel3"}}, {ID: "0000:86:00.0"},
	}
	want := map[string]string{"SAPEON_VISIBLE_DEVICES": "12,3,0000:86:00.0"}
	if diff := cmp.Diff(want, g.Grant(devices).Environment); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestGrantHasWritableMounts(t *testing.T) {
	g, readOnly := granter(), false
	g.Container.Mounts[0].ReadOnly = &readOnly
	if got := g.Grant(cards()).Mounts; len(got) != 1 || got[0].ReadOnly {
		t.Errorf("got %+v", got)
	}
}
