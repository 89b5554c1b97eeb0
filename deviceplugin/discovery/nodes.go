package discovery

import (
	"context"
	"path"
	"slices"
	"strings"
)

// findNodes lists the nodes that a device should have. What sysfs names is listed
// even if /dev lacks it: that a node is missing is for health to say.
func (s *Scanner) findNodes(ctx context.Context, dir, address string) []string {
	var nodes []string
	for _, pattern := range s.nodes.Sysfs {
		for _, match := range s.tree.Match(dir, pattern) {
			if name, ok := s.nodeName(ctx, match); ok {
				nodes = append(nodes, "/dev/"+name)
			}
		}
	}
	for _, pattern := range s.nodes.Dev {
		for _, match := range s.tree.Match("", strings.ReplaceAll(pattern, "{address}", address)[1:]) {
			nodes = append(nodes, "/"+match)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// Shared lists the nodes that every container gets, sorted, as they are now.
func (s *Scanner) Shared() []string {
	var nodes []string
	for _, pattern := range s.nodes.Shared {
		for _, match := range s.tree.Match("", pattern[1:]) {
			nodes = append(nodes, "/"+match)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// nodeName reads what the kernel calls the node that a directory stands for.
// A directory without a number in `dev` stands for none.
func (s *Scanner) nodeName(ctx context.Context, dir string) (string, bool) {
	if !s.tree.Exists(path.Join(dir, "dev")) {
		return "", false
	}
	name := path.Base(dir)
	for line := range strings.Lines(s.identity(ctx, dir, "uevent")) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "DEVNAME="); ok {
			name = value
		}
	}
	clean := name != "" && name != ".." && path.Clean(name) == name && !path.IsAbs(name) && !strings.HasPrefix(name, "../")
	return name, clean && printable(name)
}
