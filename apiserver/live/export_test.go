package live

import toolscache "k8s.io/client-go/tools/cache"

// MaxEvents exports maxEvents.
const MaxEvents = maxEvents

// Store returns the reflector's store.
func (d *DeployCache) Store() interface {
	toolscache.ReflectorStore
	toolscache.ReflectorBookmarkStore
} {
	return reflectorStore{d}
}
