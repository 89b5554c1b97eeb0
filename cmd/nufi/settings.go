package main

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/render"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// settingsIn returns the settings of the Projects among documents, by namespace.
func settingsIn(documents []render.Document) map[string]render.ProjectSettings {
	settings := map[string]render.ProjectSettings{}
	for _, document := range documents {
		if namespace, own, ok := document.Settings(); ok {
			settings[namespace] = own
		}
	}
	return settings
}

// liveSettings returns the settings of a namespace's Project in a cluster. They are zero if the
// user may not read it.
func liveSettings(ctx context.Context, kube client.Client, namespace string) (render.ProjectSettings, error) {
	if namespace == "" {
		return render.ProjectSettings{}, nil // The default namespace cannot have a Project.
	}
	var project v1.Project
	err := kube.Get(ctx, client.ObjectKey{Name: namespace}, &project)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || meta.IsNoMatchError(err) {
		return render.ProjectSettings{}, nil
	}
	if err != nil {
		return render.ProjectSettings{}, fmt.Errorf("reading project %s: %w", namespace, err)
	}
	return render.SettingsOf(&project), nil
}
