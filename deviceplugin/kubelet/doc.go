// Package kubelet speaks the kubelet's device plugin API, v1beta1.
//
// Two parts that know little of each other: the Server answers the kubelet's calls
// from the inventory; the Registration keeps a Server registered, whatever happens
// to the kubelet, to the socket directory, or to another plugin of the same
// resource.
//
// Steps of a registration: listen on a socket with a name of its own, serve, and
// only then register, because the kubelet dials back inside that call; once the
// new registration stands, stop the one before.
//
// Invariants:
//   - a socket name is used once: kubelet v1.37 refuses for ever a name that it was
//     given twice while the first stream lived;
//   - the state is judged, not the events: a file event, a tick or a lost stream only
//     wakes the one loop that looks at everything;
//   - attempts are spaced by a back-off that only time in good standing resets;
//   - GetPreferredAllocation never fails, since the kubelet would fail the pod;
//   - everything else fails closed.
//
// It reads no hardware.
package kubelet
