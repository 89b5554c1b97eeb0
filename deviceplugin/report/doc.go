// Package report publishes the devices' health to Kubernetes: one node condition that
// summarizes them, and one event per change of a device's state.
//
// Steps: summarize the inventory (pure), patch the node's condition when the summary
// changes and as a periodic heartbeat, post events in order.
//
// Invariants: an unreachable API server delays reports and nothing else; the condition is
// level-based, so that a failed patch is corrected by the next; an event is posted once,
// under a name derived from its contents, however often the post is repeated; the queue is
// bounded.
//
// It needs `get` on nodes, `patch` on nodes/status and `create` on events in the
// namespace default, and no more.
package report
