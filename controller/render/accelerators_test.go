package render_test

import (
	"testing"

	"github.com/dudaji/nufi"
	"github.com/dudaji/nufi/controller/render"
)

func TestAnAcceleratorIsFoundByEachOfItsResources(t *testing.T) {
	t.Parallel()
	set, err := render.Compile(nufi.Module())
	if err != nil {
		t.Fatal(err)
	}
	names, err := set.Accelerators()
	if err != nil {
		t.Fatal(err)
	}
	for resource, want := range map[string]string{"rebellions.ai/ATOM": "atom", "rebellions.ai/npu": "atom", "nvidia.com/gpu": "nvidia", "cpu": ""} {
		if got := names[resource]; got != want {
			t.Errorf("%s is of %q, want %q", resource, got, want)
		}
	}
}
