package apply

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/dudaji/nufi/internal/cached"
	"github.com/dudaji/nufi/internal/manifests"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// The label of every applied object, by which the controller watches them.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "nufi"
)

// ObjectSet is the desired objects of one owner. It is immutable.
type ObjectSet struct {
	owner     Owner
	manifests []manifest
}

// manifest is one desired object as it is sent.
type manifest struct {
	ref    Ref
	packed packed
	// rendered is nil in a set that is kept: see Packed.
	rendered *renderedManifest
	digest   string
	// releasesReplicas means that another manager sets spec.replicas.
	releasesReplicas bool
}

// renderedManifest is a manifest that is neither compressed nor encoded.
type renderedManifest struct {
	body   []byte
	fields map[string]any // not modified
}

// NewObjectSet returns the set of objects, in apply order. The error is a *manifests.NotAllowedError
// if templates of the owner may not render them. The objects are not modified, and must not be afterwards.
func NewObjectSet(owner Owner, objects []*unstructured.Unstructured) (*ObjectSet, error) {
	if err := manifests.Check(owner.Owner, objects); err != nil {
		return nil, err
	}
	set := &ObjectSet{owner: owner, manifests: make([]manifest, 0, len(objects))}
	for _, object := range objects {
		desired, err := newManifest(set.owner, object)
		if err != nil {
			return nil, err
		}
		set.manifests = append(set.manifests, desired)
	}
	return set, nil
}

// Packed returns the set for keeping: it takes a tenth of the memory, but the next Apply has to decompress and decode what
// it writes.
func (s *ObjectSet) Packed() *ObjectSet {
	packed := &ObjectSet{owner: s.owner, manifests: slices.Clone(s.manifests)}
	for i := range packed.manifests {
		packed.manifests[i].rendered = nil
	}
	return packed
}

// Without returns the set without the objects that match.
func (s *ObjectSet) Without(matches func(Ref) bool) *ObjectSet {
	return &ObjectSet{owner: s.owner, manifests: slices.DeleteFunc(slices.Clone(s.manifests),
		func(desired manifest) bool { return matches(desired.ref) })}
}

// Refs returns the objects in apply order.
func (s *ObjectSet) Refs() []Ref {
	refs := make([]Ref, 0, len(s.manifests))
	for _, desired := range s.manifests {
		refs = append(refs, desired.ref)
	}
	return refs
}

// Except decodes the objects as they are sent, without those that are the same in another set.
func (s *ObjectSet) Except(other *ObjectSet) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for _, desired := range s.manifests {
		if slices.ContainsFunc(other.manifests, func(m manifest) bool { return m.ref == desired.ref && m.digest == desired.digest }) {
			continue
		}
		fields, err := desired.decode()
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{Object: fields}
		unstructured.RemoveNestedField(object.Object, "metadata", "annotations", v1.AnnotationManifest)
		objects = append(objects, object)
	}
	return objects, nil
}

func (s *ObjectSet) has(k key) bool {
	return slices.ContainsFunc(s.manifests, func(desired manifest) bool { return desired.ref.key() == k })
}

func newManifest(owner Owner, object *unstructured.Unstructured) (manifest, error) {
	content, _ := compactMap(object.Object)
	intent := &unstructured.Unstructured{Object: maps.Clone(content)}
	setOwner(intent, owner)
	body, err := json.Marshal(intent.Object)
	if err != nil {
		return manifest{}, fmt.Errorf("encoding %s: %w", object.GetName(), err)
	}
	digest := Digest(body)
	kind := object.GroupVersionKind()
	desired := manifest{
		ref: Ref{
			GroupVersionKind: schema.GroupVersionKind{Group: cached.Text(kind.Group), Version: cached.Text(kind.Version), Kind: cached.Text(kind.Kind)},
			Name:             object.GetName(),
		},
		digest: digest,
	}
	// An owner may have several objects of a kind, with names of its own and a suffix.
	class := kind.Kind
	if suffix, isOwn := strings.CutPrefix(desired.ref.Name, owner.Name); isOwn {
		class += suffix
	}
	body = withDigest(body, digest, len(intent.GetAnnotations()) > 0)
	desired.packed = manifestPacker.pack(class, body)
	setAnnotation(intent, v1.AnnotationManifest, digest)
	desired.rendered = &renderedManifest{body: body, fields: intent.Object}
	_, hasReplicas, _ := unstructured.NestedFieldNoCopy(content, "spec", "replicas")
	desired.releasesReplicas = manifests.IsScalable(desired.ref.GroupVersionKind) && !hasReplicas
	return desired, nil
}

// withDigest inserts the annotation with the digest into the JSON of an object, which is cheaper than encoding it again.
// The first "metadata" in the text that is an object is the object's: what precedes it, such as kind and the data of a
// ConfigMap, has texts alone.
func withDigest(body []byte, digest string, hasAnnotations bool) []byte {
	before, after := `"metadata":{`, fmt.Sprintf(`"metadata":{"annotations":{%q:%q`, v1.AnnotationManifest, digest)
	if hasAnnotations {
		before, after = before+`"annotations":{`, after+`,`
	} else {
		after += `},`
	}
	return bytes.Replace(body, []byte(before), []byte(after), 1)
}

// body returns the JSON for a creation: see neverVersion.
func (m manifest) body() ([]byte, error) {
	if m.rendered != nil {
		return m.rendered.body, nil
	}
	return m.packed.unpack()
}

// fields returns the fields that were rendered, at least. They must not be modified.
func (m manifest) fields() (map[string]any, error) {
	if m.rendered != nil {
		return m.rendered.fields, nil
	}
	return m.decode()
}

// decode decodes the JSON for a creation.
func (m manifest) decode() (fields map[string]any, err error) {
	body, err := m.body()
	if err == nil {
		err = utiljson.Unmarshal(body, &fields)
	}
	if err != nil {
		return nil, fmt.Errorf("decoding %s: %w", m.ref, err)
	}
	return fields, nil
}

// setOwner replaces the metadata by one with the owner reference, by which the object is deleted with its owner, and the
// label, by which it is watched.
func setOwner(object *unstructured.Unstructured, owner Owner) {
	metadata, _ := object.Object["metadata"].(map[string]any)
	object.Object["metadata"] = maps.Clone(metadata)
	object.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: v1.GroupVersion().String(), Kind: owner.Kind, Name: owner.Name, UID: owner.UID,
		Controller: new(true), BlockOwnerDeletion: new(true),
	}})
	labels := object.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[LabelManagedBy] = ManagedBy
	object.SetLabels(labels)
	object.SetResourceVersion(neverVersion)
}

// setAnnotation sets an annotation of an object whose metadata is not shared.
func setAnnotation(object *unstructured.Unstructured, name, value string) {
	metadata, _ := object.Object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	if annotations = maps.Clone(annotations); annotations == nil {
		annotations = map[string]any{}
	}
	annotations[name] = value
	metadata["annotations"] = annotations
}

// neverVersion is a resource version that no object has. An apply with it creates the object, or fails with 409 if the
// object exists, so that it need not be read before.
const neverVersion = "1"

// creationMetadata is what only the JSON for a creation has, after the owner references. No value of an annotation or label
// contains it: these are strings, in which quotes are escaped.
const creationMetadata = `],"resourceVersion":"` + neverVersion + `"`

// compact returns a value without nulls, empty lists, and empty labels and annotations, which would appear to drift when
// other clients add items. Other empty maps, such as emptyDir, have a meaning and stay. Maps and lists that differ from
// those in the value are copies.
func compact(value any) (compacted any, differs bool) {
	switch value := value.(type) {
	case map[string]any:
		return compactMap(value)
	case []any:
		if len(value) == 0 {
			return nil, true
		}
		return compactList(value)
	}
	return value, false
}

func compactMap(fields map[string]any) (compacted map[string]any, differs bool) {
	compacted = fields
	for name, field := range fields {
		after, fieldDiffers := compact(field)
		isDropped := after == nil || isEmptyMetadata(name, after)
		if !isDropped && !fieldDiffers {
			continue
		}
		if !differs {
			compacted, differs = maps.Clone(fields), true
		}
		if compacted[name] = after; isDropped {
			delete(compacted, name)
		}
	}
	return compacted, differs
}

func compactList(items []any) (compacted []any, differs bool) {
	compacted = items
	for i, item := range items {
		after, itemDiffers := compact(item)
		if !itemDiffers {
			continue
		}
		if !differs {
			compacted, differs = slices.Clone(items), true
		}
		compacted[i] = after
	}
	return compacted, differs
}

func isEmptyMetadata(name string, field any) bool {
	fields, isMap := field.(map[string]any)
	return isMap && len(fields) == 0 && (name == "labels" || name == "annotations")
}
