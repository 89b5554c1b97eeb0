// Package render turns an NpuDeploy or a Project into manifests with CUE.
//
//	Compile        loads a CUE module and returns Templates, which all goroutines share
//	Render         renders an NpuDeploy, or its YAML: objects in apply order and resolved values
//	RenderProject  renders a Project, or its YAML
//	Catalogue      describes a set of templates to forms
//	Explain        reports the source of each field of the manifests
//
// A render unifies the spec with the templates, then checks the spec against the contract,
// checks the rules, and reads the objects. The same input gives the same bytes. An *Error
// carries a Violation for each field of an invalid spec; any other error is in the templates.
//
// The files, in the order of a render:
//
//	templates, imports, constants, literals   compile a set: CUE's packages, what is the same in all renders
//	ignored                                   finds the files of a set that have no effect
//	document, normalize                       read YAML as Kubernetes does, with the lines of the file
//	placeholders                              keep the user's keys out of CUE, which never forgets a name
//	engine                                    unifies, validates and reads the objects
//	exporter                                  turns CUE's values into Go's
//	shared, open                              evaluate once for NpuDeploys that differ by name and host only
//	violation, cue_errors, path, suggestion   turn CUE's errors into violations
//	compare, effect                           compare two renders
//	explain, loops                            find the source of a field
//
// The package has no client and no clock.
package render
