package controller

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// forbiddenHost returns why NpuDeploys in a namespace may not use a host, or "". A host
// belongs to the project with the longest suffix that matches; a project with suffixes is
// limited to them.
func forbiddenHost(projects []v1.Project, namespace, host string) string {
	owner, suffix := hostProject(projects, host)
	if owner != nil && owner.Name != namespace {
		return fmt.Sprintf("%s belongs to project %s, which has %s", host, owner.Name, suffix)
	}
	own := slices.IndexFunc(projects, func(project v1.Project) bool { return project.Name == namespace })
	if owner == nil && own >= 0 && len(projects[own].Spec.HostSuffixes) > 0 {
		var suffixes []string
		for _, suffix := range projects[own].Spec.HostSuffixes {
			suffixes = append(suffixes, string(suffix))
		}
		return fmt.Sprintf("%s does not belong to project %s: spec.endpoint.host must be, or end in, %s",
			host, namespace, strings.Join(suffixes, " or "))
	}
	return ""
}

// hostProject returns the project that a host belongs to, and the suffix, or nil.
func hostProject(projects []v1.Project, host string) (*v1.Project, v1.HostSuffix) {
	var owner *v1.Project
	var longest v1.HostSuffix
	for i := range projects {
		for _, suffix := range projects[i].Spec.HostSuffixes {
			if !isSubdomain(host, string(suffix)) || owner != nil && !precedes(&projects[i], suffix, owner, longest) {
				continue
			}
			owner, longest = &projects[i], suffix
		}
	}
	return owner, longest
}

// isSubdomain reports whether host is the domain or below it.
func isSubdomain(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// precedes prefers the longer suffix, then the older project.
func precedes(a *v1.Project, suffix v1.HostSuffix, b *v1.Project, other v1.HostSuffix) bool {
	return cmp.Or(
		cmp.Compare(len(other), len(suffix)),
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.Name, b.Name),
	) < 0
}
