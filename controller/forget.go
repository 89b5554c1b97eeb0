package controller

import (
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// forget drops what is known of a deployment that is gone.
func (r *reconciler) forget(name types.NamespacedName) {
	r.queue.add(r.claims.drop(name)...)
	r.forgetUID(r.deploys.forget(name))
}

// forgetFormer is for one that was deleted and created again before anybody looked.
func (r *reconciler) forgetFormer(deploy *v1.NpuDeploy) {
	name := types.NamespacedName{Namespace: deploy.Namespace, Name: deploy.Name}
	r.forgetUID(r.deploys.note(name, deploy.UID))
}

func (r *reconciler) forgetUID(uid types.UID) {
	if uid != "" {
		r.wanted.forget(uid)
		r.applier.Forget(uid)
	}
}
