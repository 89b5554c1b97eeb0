// Package status turns what was observed of an NpuDeploy or a Project into its status.
//
// Judge works in four steps, one per condition below Ready:
//
//  1. Rendered and Applied are what the stages before report.
//  2. Available is judged over all pods of the current revision: the deployment
//     first (seen by its controller, scaled to zero), then pods that could not
//     be made, then each pod by a chain of checks. Of all that is found, the reason
//     that the user can act on first is told, with the number of pods it concerns.
//  3. Endpoint is judged by the route object's own status and by who has the host.
//  4. Ready is the most actionable of the four that is not True.
//
// Diagnose says of a single pod what step 2 says of all.
//
// Invariants: the same input yields the same status, whatever the order of its
// lists; judging its own output changes nothing; pods of an earlier revision change
// neither a condition's status nor its reason; messages are one bounded line
// without control characters, and hold points in time rather than ages, so that
// they do not change while nothing happens.
//
// The package has no client, no clock but Observed.Now, and no CUE; it imports no
// other stage.
package status
