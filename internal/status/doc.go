// Package status derives the status of an NpuDeploy or a Project from observations.
//
// Evaluate works in four steps, one for each condition below Ready:
//
//  1. Rendered and Applied repeat the outcomes of rendering and applying.
//  2. Available covers all pods of the current revision: first the Deployment (observed by
//     its controller, scaled to zero), then pods that could not be created, then each pod
//     by a chain of checks. The condition reports the diagnosis that a user can act on
//     first, and the number of pods that have it.
//  3. Endpoint follows the route's own status, and whether the deployment owns its host.
//  4. Ready is the most severe of these four, or True.
//
// EvaluateProject does step 1 alone. Diagnose applies the chain of step 2 to a single pod.
//
// Invariants:
//   - The status does not depend on the order of the input's lists, and evaluating the result
//     again changes nothing.
//   - Pods of an earlier revision change neither a condition's status nor its reason.
//   - A message is one bounded line without control characters. It has points in time, not
//     ages, so that it stays the same while nothing happens.
//
// The package is pure: no client, and no clock except Outcomes.Now. It imports neither render nor apply.
package status
