package render

import (
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// ProjectSettings are what an NpuDeploy follows of the Project of its namespace. They can be
// compared: equal ones render the same. Without a Project they are zero.
type ProjectSettings struct {
	DefaultPriorityClass string `json:"defaultPriorityClass,omitempty"`
}

// SettingsOf returns the facts of a Project, or of none.
func SettingsOf(project *v1.Project) ProjectSettings {
	if project == nil {
		return ProjectSettings{}
	}
	return ProjectSettings{DefaultPriorityClass: project.Spec.DefaultPriorityClass}
}

// SettingsByNamespace returns those of many.
func SettingsByNamespace(projects []v1.Project) map[string]ProjectSettings {
	facts := make(map[string]ProjectSettings, len(projects))
	for i := range projects {
		facts[projects[i].Name] = SettingsOf(&projects[i])
	}
	return facts
}
