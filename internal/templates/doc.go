// Package templates decides which set of templates serves.
//
// The compiled-in set serves, unless a directory replaces it. The Store reads the directory
// every few seconds. When its content has changed,
//
//  1. a child process validates the candidate, because CUE evaluation has no time-out of its
//     own (cue-lang/cue#2489). It must compile and render each of its presets, and every live
//     NpuDeploy and Project that the serving set renders, to manifests that may be applied.
//     Its policy may forbid compiled-in examples, but not all of them;
//  2. a valid candidate is compiled here. The controller tries what it renders for a sample of
//     live objects as server-side dry runs;
//  3. a candidate that passes replaces the serving set in one step;
//  4. an invalid one is reported, and the serving set continues to serve.
//
// Plan compares a candidate with the serving set in the same child, and swaps nothing. The
// child has bounds on time, memory and output, and an empty environment: a candidate is
// untrusted.
//
// At the start there is no last good set, and a fallback to another policy would restart what
// runs. An invalid directory is an error then; the controller serves no set instead until the
// directory has a valid one (see Hooks.WaitsForValid). The running objects stay.
package templates
