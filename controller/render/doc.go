// Package render turns an NpuDeploy into manifests, by CUE alone.
//
//	Compile   a CUE module -> Templates: one compiled value, shared by all goroutines
//	Render    an NpuDeploy, or its YAML -> Result: objects in apply order, and the
//	          values in use
//	Explain   a Result -> where each field came from
//
// A render is one unification and four looks at it: does the spec keep the contract,
// does it break a rule, are the objects whole, what are they. The same input gives
// the same bytes. A user's mistake is an *Error with a Fault for each field; anything
// else is a fault of the templates.
//
// It has no client and no clock, and never imports them.
package render
