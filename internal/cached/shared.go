package cached

import (
	"encoding/json"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxShared bounds the values that are shared: a few for each kind, and more where users choose.
const maxShared = 1000

// Shared keeps one of equal values, which thousands of cached objects have. They must not be modified.
type Shared[T any] struct {
	mu    sync.Mutex
	byKey map[string]T
}

// Get returns the value of a key, and makes it if there is none.
func (s *Shared[T]) Get(key string, made func() T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value, ok := s.byKey[key]; ok {
		return value
	}
	return s.put(key, made())
}

// GetBytes is Get for a key that is copied only if there is no value.
func (s *Shared[T]) GetBytes(key []byte, made func() T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value, ok := s.byKey[string(key)]; ok {
		return value
	}
	return s.put(string(key), made())
}

func (s *Shared[T]) put(key string, value T) T {
	if s.byKey == nil || len(s.byKey) >= maxShared {
		s.byKey = map[string]T{}
	}
	s.byKey[key] = value
	return value
}

var (
	containers Shared[[]corev1.Container] //nolint:gochecknoglobals // The values are not modified.
	texts      Shared[string]             //nolint:gochecknoglobals // The values are not modified.
)

// Containers returns the same slice for equal containers.
func Containers(of []corev1.Container) []corev1.Container {
	content, err := json.Marshal(of)
	if err != nil {
		return of // Decoded containers can be encoded.
	}
	return containers.GetBytes(content, func() []corev1.Container { return of })
}

// Text returns the same string for equal ones: of a value that many objects have, such as a reason.
func Text[T ~string](text T) T {
	return T(texts.Get(string(text), func() string { return string(text) }))
}

// Metadata shares what many objects have in their metadata.
func Metadata(object metav1.Object) {
	object.SetNamespace(Text(object.GetNamespace()))
	owners := object.GetOwnerReferences()
	for i := range owners {
		owners[i].APIVersion, owners[i].Kind = Text(owners[i].APIVersion), Text(owners[i].Kind)
	}
	object.SetOwnerReferences(owners)
}

// Only returns a map with some of the keys, or nil if it has none of them. A map takes 336 bytes or more.
func Only(values map[string]string, keys ...string) map[string]string {
	var only map[string]string
	for _, key := range keys {
		if value, ok := values[key]; ok {
			if only == nil {
				only = map[string]string{}
			}
			only[key] = value
		}
	}
	return only
}
