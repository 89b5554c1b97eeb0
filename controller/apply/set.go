package apply

import (
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Set is all that one owner should have. It is small, immutable, and may be kept.
type Set struct {
	owner     Owner
	manifests []manifest
}

// manifest is one child as it is sent.
type manifest struct {
	ref    Ref
	body   []byte // JSON, for creation alone: see neverVersion
	digest string
	// releasesReplicas means that spec.replicas is left to others.
	releasesReplicas bool
}

// NewSet prepares objects, in apply order, as the children of owner. The error is a
// *NotAllowedError if one of them is nothing that a template may yield, or a Project
// would be without its namespace. The objects stay as they are.
func NewSet(owner Owner, objects []*unstructured.Unstructured) (*Set, error) {
	set := &Set{owner: owner}
	for _, object := range objects {
		if err := allow(object, owner); err != nil {
			return nil, err
		}
		child, err := newManifest(set.owner, object)
		if err != nil {
			return nil, err
		}
		if set.has(child.ref.key()) {
			return nil, &NotAllowedError{Ref: child.ref, Why: "rendered twice"}
		}
		set.manifests = append(set.manifests, child)
	}
	// First, and never pruned: with it, everything that is in it would go.
	if owner.Kind == v1.KindProject && (len(set.manifests) == 0 || !set.manifests[0].ref.isNamespace()) {
		ref := Ref{GroupVersionKind: namespaceKind(), Name: owner.Namespace}
		return nil, &NotAllowedError{Ref: ref, Why: "a project has to have its namespace, before all else"}
	}
	return set, nil
}

// Without returns the set without the children that drop names.
func (s *Set) Without(drop func(Ref) bool) *Set {
	return &Set{owner: s.owner, manifests: slices.DeleteFunc(slices.Clone(s.manifests),
		func(child manifest) bool { return drop(child.ref) })}
}

// Refs names the children in apply order.
func (s *Set) Refs() []Ref {
	refs := make([]Ref, 0, len(s.manifests))
	for _, child := range s.manifests {
		refs = append(refs, child.ref)
	}
	return refs
}

func (s *Set) has(k key) bool {
	return slices.ContainsFunc(s.manifests, func(child manifest) bool { return child.ref.key() == k })
}

func newManifest(owner Owner, object *unstructured.Unstructured) (manifest, error) {
	content, ok := tidy(object.Object).(map[string]any)
	if !ok {
		return manifest{}, fmt.Errorf("reading %s: it has no content", object.GetName())
	}
	intent := &unstructured.Unstructured{Object: content}
	stamp(intent, owner)
	body, err := json.Marshal(intent.Object)
	if err != nil {
		return manifest{}, fmt.Errorf("encoding %s: %w", object.GetName(), err)
	}
	child := manifest{
		ref:    Ref{GroupVersionKind: object.GroupVersionKind(), Name: object.GetName()},
		body:   body,
		digest: digest(body),
	}
	_, wantsReplicas, _ := unstructured.NestedFieldNoCopy(content, "spec", "replicas")
	child.releasesReplicas = child.ref.Kind == "Deployment" && !wantsReplicas
	return child, nil
}

// stamp marks the object as the owner's: the reference has it deleted with its owner,
// the label has it watched. It can be created, not changed, as it is.
func stamp(object *unstructured.Unstructured, owner Owner) {
	isController := true
	object.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: v1.GroupVersion().String(), Kind: owner.Kind, Name: owner.Name, UID: owner.UID,
		Controller: &isController, BlockOwnerDeletion: &isController,
	}})
	labels := object.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[LabelManagedBy] = ManagedBy
	object.SetLabels(labels)
	object.SetResourceVersion(neverVersion)
}

// neverVersion is a resource version that no object has. An apply with it creates an
// object, and is refused with 409 if there is one: nobody's is touched by mistake, and
// nobody has to ask first.
const neverVersion = "1"

// tidy copies a value without nulls, empty lists, and empty labels and annotations:
// owned and absent at once, they would seem to change as soon as others add some. Any
// other empty map stays, it may mean something (emptyDir).
func tidy(value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := make(map[string]any, len(value))
		for name, field := range value {
			if field = tidy(field); field != nil && !isNoMetadata(name, field) {
				kept[name] = field
			}
		}
		return kept
	case []any:
		if len(value) == 0 {
			return nil
		}
		kept := make([]any, 0, len(value))
		for _, item := range value {
			kept = append(kept, tidy(item))
		}
		return kept
	}
	return value
}

func isNoMetadata(name string, field any) bool {
	fields, isMap := field.(map[string]any)
	return isMap && len(fields) == 0 && (name == "labels" || name == "annotations")
}
