// Package templates decides which set of templates renders.
//
// The set that is compiled in serves, unless a directory replaces it. That directory
// is read as a whole every few seconds; when its content changed,
//
//  1. the candidate is judged in a child process, which can be killed: CUE evaluation
//     has no time-out of its own (cue-lang/cue#2489). It must compile, render every
//     example and each of its presets, and render every live NpuDeploy and Project that
//     the serving set renders;
//  2. a good candidate is compiled here and replaces the serving set in one step;
//  3. a bad one is reported, and the serving set goes on.
//
// Plan asks that child what a candidate would do to live NpuDeploys, and swaps nothing. The
// child is bounded in time, in memory and in what it says, and is given no environment: a
// candidate may be anybody's.
//
// At the start there is no last good set to go on with: a bad directory is an error,
// because falling back to another policy would restart what runs.
package templates
