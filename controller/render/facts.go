package render

import (
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// Facts are what an NpuDeploy follows of the Project of its namespace. They can be
// compared: equal ones render the same. Without a Project they are zero.
type Facts struct {
	DefaultPriorityClass string `json:"defaultPriorityClass,omitempty"`
}

// FactsOf returns the facts of a Project, or of none.
func FactsOf(project *v1.Project) Facts {
	if project == nil {
		return Facts{}
	}
	return Facts{DefaultPriorityClass: project.Spec.DefaultPriorityClass}
}

// FactsByNamespace returns those of many.
func FactsByNamespace(projects []v1.Project) map[string]Facts {
	facts := make(map[string]Facts, len(projects))
	for i := range projects {
		facts[projects[i].Name] = FactsOf(&projects[i])
	}
	return facts
}
