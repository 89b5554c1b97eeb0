package controller

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// refuseHost says why a wish for a host cannot be granted, whoever else has it, or
// nothing.
func (r *reconciler) refuseHost(ctx context.Context, wish claim) (string, error) {
	if wish.host == "" {
		return "", nil
	}
	all, err := r.projects.all(ctx)
	if err != nil {
		return "", err
	}
	return faultOfHost(all, wish.deploy.Namespace, wish.host), nil
}

// faultOfHost says why no deployment in a namespace may have a host, or nothing. A host
// belongs to the project with the longest suffix that it has; who has suffixes keeps to
// them.
func faultOfHost(all []v1.Project, namespace, host string) string {
	owner, suffix := ownerOfHost(all, host)
	if owner != nil && owner.Name != namespace {
		return fmt.Sprintf("%s belongs to project %s, which has %s", host, owner.Name, suffix)
	}
	own := slices.IndexFunc(all, func(project v1.Project) bool { return project.Name == namespace })
	if owner == nil && own >= 0 && len(all[own].Spec.HostSuffixes) > 0 {
		return fmt.Sprintf("%s is no host of project %s: spec.endpoint.host has to be, or to end in, %s",
			host, namespace, strings.Join(words(all[own].Spec.HostSuffixes), " or "))
	}
	return ""
}

// ownerOfHost is the project that a host belongs to, and by which suffix, or nil.
func ownerOfHost(all []v1.Project, host string) (*v1.Project, v1.HostSuffix) {
	var owner *v1.Project
	var longest v1.HostSuffix
	for i := range all {
		for _, suffix := range all[i].Spec.HostSuffixes {
			if !isBelow(host, string(suffix)) || owner != nil && !wins(&all[i], suffix, owner, longest) {
				continue
			}
			owner, longest = &all[i], suffix
		}
	}
	return owner, longest
}

// isBelow holds for a DNS name and all names below it.
func isBelow(host, suffix string) bool {
	return host == suffix || strings.HasSuffix(host, "."+suffix)
}

// wins holds for the longer suffix, then the older project.
func wins(a *v1.Project, suffix v1.HostSuffix, b *v1.Project, other v1.HostSuffix) bool {
	return cmp.Or(
		cmp.Compare(len(other), len(suffix)),
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.Name, b.Name),
	) < 0
}

func words(suffixes []v1.HostSuffix) []string {
	all := make([]string, 0, len(suffixes))
	for _, suffix := range suffixes {
		all = append(all, string(suffix))
	}
	return all
}
