// Package render turns an NpuDeploy or a Project into manifests, by CUE alone.
//
//	Compile         a CUE module -> Templates: an engine for each kind, shared by all
//	                goroutines
//	Render          an NpuDeploy, or its YAML -> Result: objects in apply order, and the
//	                values in use
//	RenderProject   a Project, or its YAML -> Manifests
//	Catalogue       what a form has to know of the set
//	Explain         Manifests -> where each field came from
//
// A render is one unification and four looks at it: does the spec keep the contract,
// does it break a rule, are the objects whole, what are they. The same input gives
// the same bytes. A user's mistake is an *Error with a Fault for each field; anything
// else is a fault of the templates.
//
// It has no client and no clock, and never imports them.
package render
