package main

import (
	"os"
	"strings"
	"testing"

	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/health"
	"github.com/dudaji/nufi/deviceplugin/probe"
)

func TestDocsListEachReason(t *testing.T) {
	const page = "../../docs/device-plugin.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range []string{
		health.NotProbed, probe.Answering, probe.DeviceRemoved, probe.DeviceNodeMissing, probe.OffTheBus,
		probe.DriverMissing, probe.AttributeBad, probe.NoData,
	} {
		if !strings.Contains(string(text), "\n| `"+reason+"` |") {
			t.Errorf("%s has no row for %s", page, reason)
		}
	}
}

// The facts and the description in the docs must be of one device.
func TestDescriptionInTheDocsIsValid(t *testing.T) {
	text, err := os.ReadFile("../../docs/adding-an-accelerator.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```yaml\n")
	example, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("there is no description")
	}
	d, err := description.Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if facts := `resource: "` + d.Resource + `"`; !strings.Contains(string(text), facts) {
		t.Errorf("the facts do not have %s", facts)
	}
}
