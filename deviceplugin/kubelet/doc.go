// Package kubelet implements the kubelet's device plugin API, v1beta1.
//
// It has two parts: the Server responds to the kubelet's calls from the inventory; the
// Registration keeps a Server registered across restarts of the kubelet, removals of the
// socket directory, and other plugins of the same resource.
//
// Steps of a registration: listen on a socket with a unique name, serve, and only then
// register, because the kubelet dials back inside that call; once registered, stop the
// previous session.
//
// Invariants:
//   - a socket name is used once: kubelet v1.37 rejects a name for ever that was
//     registered twice while the first stream was open;
//   - registration is level-based: a file event, a tick or a closed stream only wakes the
//     loop that evaluates the registration state;
//   - attempts back off until a registration has lasted;
//   - GetPreferredAllocation never fails, since the kubelet would fail the pod;
//   - all other calls fail closed.
//
// It reads no hardware.
package kubelet
