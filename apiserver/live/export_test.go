package live

import toolscache "k8s.io/client-go/tools/cache"

// MaxEvents is how much is remembered.
const MaxEvents = maxEvents

// Filling is what a reflector fills the Deploys through.
func (d *DeployCache) Filling() interface {
	toolscache.ReflectorStore
	toolscache.ReflectorBookmarkStore
} {
	return filling{d}
}
