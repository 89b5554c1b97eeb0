package report_test

import (
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// takesLittle holds the DaemonSet, as the API server has it, to what a node's owner is
// promised: where it runs, how it is replaced, and what of the host it sees.
func takesLittle(p plugin) {
	set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "nufi-deviceplugin"}}
	p.Get(set)
	surge, none := intstr.FromInt32(1), intstr.FromInt32(0)
	update := &appsv1.RollingUpdateDaemonSet{MaxSurge: &surge, MaxUnavailable: &none}
	if diff := cmp.Diff(update, set.Spec.UpdateStrategy.RollingUpdate); diff != "" {
		p.Errorf("update (-want +got):\n%s", diff)
	}
	pod := set.Spec.Template.Spec
	if pod.PriorityClassName != "system-node-critical" || pod.HostNetwork || pod.HostPID || pod.HostIPC || len(pod.NodeSelector) > 0 {
		p.Errorf("priority %q, network %t, processes %t, IPC %t, nodes %v",
			pod.PriorityClassName, pod.HostNetwork, pod.HostPID, pod.HostIPC, pod.NodeSelector)
	}
	tolerations := []corev1.Toleration{
		{Key: "CriticalAddonsOnly", Operator: corev1.TolerationOpExists},
		{Key: "app", Operator: corev1.TolerationOpEqual, Value: "vps", Effect: corev1.TaintEffectNoSchedule},
		{Key: "sapeon.com/snx3", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
	}
	if diff := cmp.Diff(tolerations, pod.Tolerations); diff != "" {
		p.Errorf("tolerations (-want +got):\n%s", diff)
	}
	if len(pod.Containers) != 1 || len(pod.InitContainers) > 0 {
		p.Fatalf("%d containers, want one", len(pod.Containers))
	}
	security := &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false),
		ReadOnlyRootFilesystem:   ptr.To(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	if diff := cmp.Diff(security, pod.Containers[0].SecurityContext); diff != "" {
		p.Errorf("security (-want +got):\n%s", diff)
	}
	if profile := pod.SecurityContext.SeccompProfile; profile == nil || profile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		p.Errorf("seccomp profile %v", profile)
	}
	mounts := map[string]string{
		"/var/lib/kubelet/device-plugins": "/var/lib/kubelet/device-plugins",
		"/var/lib/kubelet/pod-resources":  "/var/lib/kubelet/pod-resources (read-only)",
		"/sys":                            "/host/sys (read-only)",
		"/dev":                            "/host/dev (read-only)",
		"/var/run/cdi":                    "/var/run/cdi",
	}
	if diff := cmp.Diff(mounts, mountsOf(p, pod)); diff != "" {
		p.Errorf("mounts (-want +got):\n%s", diff)
	}
}

// mountsOf maps each path of the host to its path in the only container.
func mountsOf(p plugin, pod corev1.PodSpec) map[string]string {
	p.Helper()
	hosts := map[string]string{}
	for _, volume := range pod.Volumes {
		if volume.HostPath == nil {
			p.Errorf("volume %s is not the host's", volume.Name)
			continue
		}
		hosts[volume.Name] = volume.HostPath.Path
	}
	mounts := map[string]string{}
	for _, mount := range pod.Containers[0].VolumeMounts {
		where := mount.MountPath
		if mount.ReadOnly {
			where += " (read-only)"
		}
		mounts[hosts[mount.Name]] = where
	}
	return mounts
}
