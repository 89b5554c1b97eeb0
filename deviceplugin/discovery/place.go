package discovery

import (
	"path"
	"regexp"
	"strconv"
	"strings"
)

// maxNUMANode is the highest node that the kubelet's topology manager supports.
const maxNUMANode = 63

// place resolves a function's link on the bus to its directory and its PCIe root
// complex. The root is the last one in the path: behind a volume-management or platform
// bridge there are several. A link that leaves sys/devices is not followed.
func (s *Scanner) place(address string) (dir, root string) {
	link := path.Join(bus, address)
	target, err := s.tree.Target(link)
	if err != nil {
		return link, ""
	}
	dir = path.Join(bus, target)
	if !strings.HasPrefix(dir, "sys/devices/") || path.Base(dir) != address {
		return link, ""
	}
	complexes := regexp.MustCompile(`^pci[0-9a-f]{4,8}:[0-9a-f]{2}$`)
	for _, element := range strings.Split(dir, "/") {
		if complexes.MatchString(element) {
			root = element
		}
	}
	return dir, root
}

func numaNode(text string) int {
	node, err := strconv.Atoi(text)
	if err != nil || node < 0 || node > maxNUMANode {
		return NoNUMANode
	}
	return node
}
