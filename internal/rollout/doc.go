// Package rollout decides how a set of templates reaches NpuDeploys in waves.
//
// Evaluate is a pure function of what is recorded: the TemplateRollout, the assignments in the
// statuses of NpuDeploys, and the time. Each call
//
//  1. classifies every NpuDeploy (state.go);
//  2. halts if more of a wave failed than policy tolerates, and assigns the earlier sets (halt.go);
//  3. otherwise ends waves, and assigns the set to as many NpuDeploys as policy and devices allow
//     (assign.go, waves.go, window.go, budget.go);
//  4. counts.
//
// Invariants:
//   - An assignment that replaces servers is recorded before anything is applied, so that a caller that stops at any
//     point continues with the next call. One that does not is recorded with its result.
//   - Two calls with the same input have the same result.
//   - It has no client and no clock.
package rollout
