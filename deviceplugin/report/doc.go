// Package report tells Kubernetes how the devices are: one condition of the node that
// sums them up, and one event per change of a device's state.
//
// Steps: summarise the inventory (pure), patch the node's condition when the summary
// changes and now and then as a sign of life, post events in their order.
//
// Invariants: the plugin works without any of it: an API server that is away delays
// reports and nothing else; the condition is level-based, so that a lost patch heals
// itself; an event is posted once, under a name made of what it reports, however
// often the post is tried; the queue is bounded.
//
// It needs `get` on nodes, `patch` on nodes/status and `create` on events in the
// namespace default, and no more.
package report
