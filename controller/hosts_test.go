package controller

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

func projectWith(name string, age int, suffixes ...v1.HostSuffix) v1.Project {
	return v1.Project{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(time.Unix(int64(1000-age), 0))},
		Spec:       v1.ProjectSpec{HostSuffixes: suffixes},
	}
}

func TestHostBelongsToOneProject(t *testing.T) {
	all := []v1.Project{
		projectWith("open", 9),
		projectWith("young", 1, "nufi.me", "shared.example"),
		projectWith("old", 5, "shared.example", "old.nufi.me"),
	}
	for name, row := range map[string]struct {
		namespace, host string
		want            string // part of the message
	}{
		"its own suffix":                 {"young", "nufi.me", ""},
		"below its own suffix":           {"young", "a.b.nufi.me", ""},
		"a longer suffix of another":     {"young", "a.old.nufi.me", "belongs to project old, which has old.nufi.me"},
		"the longer suffix is its own":   {"old", "a.old.nufi.me", ""},
		"the shorter is another's":       {"old", "a.nufi.me", "belongs to project young"},
		"the same suffix, and older":     {"old", "a.shared.example", ""},
		"the same suffix, and younger":   {"young", "a.shared.example", "belongs to project old"},
		"a name that only ends alike":    {"open", "evilnufi.me", ""},
		"outside its own list":           {"old", "a.example", "does not belong to project old: spec.endpoint.host must be, or end in, shared.example or old.nufi.me"},
		"without a list, unowned":        {"open", "a.example", ""},
		"without a list, another's":      {"open", "a.nufi.me", "belongs to project young"},
		"a namespace without project":    {"default", "a.example", ""},
		"owned host, without project":    {"default", "nufi.me", "belongs to project young"},
		"above a suffix is not below it": {"default", "me", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := forbiddenHost(all, row.namespace, row.host)
			if (got == "") != (row.want == "") || !strings.Contains(got, row.want) {
				t.Errorf("message %q, want one with %q", got, row.want)
			}
		})
	}
}
