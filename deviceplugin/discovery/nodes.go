package discovery

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// findNodes returns the nodes that a device should have. A node that sysfs names is
// included even if /dev lacks it: the probe reports missing nodes.
func (s *Scanner) findNodes(ctx context.Context, dir, address string) []string {
	nodes := s.sysfsNodes(ctx, dir, s.nodes.Sysfs)
	for _, pattern := range s.nodes.Dev {
		nodes = append(nodes, s.devNodes(strings.ReplaceAll(pattern, "{address}", address))...)
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// sysfsNodes returns the nodes of the directories that match patterns below dir, those of a pattern in
// the order of their indexes.
func (s *Scanner) sysfsNodes(ctx context.Context, dir string, patterns []string) []string {
	var nodes []string
	for _, pattern := range patterns {
		matches := s.tree.Match(dir, pattern)
		slices.SortStableFunc(matches, byIndex)
		for _, match := range matches {
			if name, ok := s.nodeName(ctx, match); ok {
				nodes = append(nodes, "/dev/"+name)
			}
		}
	}
	return nodes
}

var indexInName = regexp.MustCompile(`[0-9]+`)

// byIndex orders names by the numbers in them: npu9 precedes npu10, as npu1 precedes npu2. A driver that is
// loaded again may choose other indexes, but keeps their order.
func byIndex(a, b string) int {
	key := func(name string) string {
		return indexInName.ReplaceAllStringFunc(name, func(number string) string { return fmt.Sprintf("%20s", number) })
	}
	return strings.Compare(key(a), key(b))
}

// Shared returns the existing nodes that every container gets, sorted.
func (s *Scanner) Shared() []string {
	nodes := make([]string, 0, len(s.nodes.Shared))
	for _, pattern := range s.nodes.Shared {
		nodes = append(nodes, s.devNodes(pattern)...)
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// maxLinks is how many links lead to a node at most: Linux follows as many.
const maxLinks = 40

// Target returns the path of the node that a link in /dev leads to, such as those that udev makes with
// the address in their name. Another path is returned as it is.
func (s *Scanner) Target(node string) string {
	for range maxLinks {
		target, err := s.tree.Target(node[1:])
		if err != nil {
			break
		}
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(node), target)
		}
		node = path.Clean(target)
	}
	return node
}

// devNodes returns the nodes that match a pattern in /dev.
func (s *Scanner) devNodes(pattern string) []string {
	nodes := slices.DeleteFunc(s.tree.Match("", pattern[1:]), func(name string) bool { return !printable(name) })
	for i, name := range nodes {
		nodes[i] = "/" + name
	}
	return nodes
}

// nodeName reads the name of a directory's node from its uevent. A directory without
// the file `dev` has no node.
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
