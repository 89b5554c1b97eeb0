package exporter

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"
)

// maxAnswer fits the devices of a full node, which exceed gRPC's default of 4 MiB.
const maxAnswer = 16 << 20

// Attribution exports which container holds which device, as the kubelet reports.
type Attribution struct {
	devices  Devices
	kubelet  podresources.PodResourcesListerClient
	resource string
	hostname string

	up        *prometheus.Desc
	allocated *prometheus.Desc
}

// DialPodResources connects to the kubelet's pod-resources socket on the first call.
func DialPodResources(socket string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return nil, fmt.Errorf("dialling the pod-resources API: %w", err)
	}
	return conn, nil
}

// NewAttribution returns a collector that queries the kubelet over a connection.
func NewAttribution(devices Devices, conn grpc.ClientConnInterface, resource, hostname string) *Attribution {
	return &Attribution{
		devices: devices, kubelet: podresources.NewPodResourcesListerClient(conn),
		resource: resource, hostname: hostname,
		up: prometheus.NewDesc("nufi_deviceplugin_pod_resources_up",
			"1 if the kubelet reported the holders of the devices, 0 if it did not answer.", nil, nil),
		allocated: prometheus.NewDesc("nufi_deviceplugin_device_allocated",
			"1 for a device and the container that holds it, 0 for a free device.",
			identity("namespace", "pod", "container"), nil),
	}
}

// Describe implements prometheus.Collector.
func (a *Attribution) Describe(out chan<- *prometheus.Desc) {
	out <- a.up
	out <- a.allocated
}

// Collect implements prometheus.Collector. If the kubelet does not respond, no device has a
// sample, because it would appear to be free.
func (a *Attribution) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	answer, err := a.kubelet.List(ctx, &podresources.ListPodResourcesRequest{})
	if err != nil {
		out <- prometheus.MustNewConstMetric(a.up, prometheus.GaugeValue, 0)
		return
	}
	out <- prometheus.MustNewConstMetric(a.up, prometheus.GaugeValue, 1)
	holders := a.holders(answer)
	entries, _ := a.devices.Snapshot()
	for _, entry := range entries {
		for h := range holders[entry.Device.ID] {
			out <- prometheus.MustNewConstMetric(a.allocated, prometheus.GaugeValue, 1,
				identify(entry.Device, a.hostname, h.namespace, h.pod, h.container)...)
		}
		if len(holders[entry.Device.ID]) == 0 {
			out <- prometheus.MustNewConstMetric(a.allocated, prometheus.GaugeValue, 0, identify(entry.Device, a.hostname, "", "", "")...)
		}
	}
}

type holder struct {
	namespace, pod, container string
}

// holders groups the kubelet's response by device. The containers of one pod may hold a
// device one after the other; all are reported.
func (a *Attribution) holders(answer *podresources.ListPodResourcesResponse) map[string]map[holder]bool {
	holders := map[string]map[holder]bool{}
	for _, pod := range answer.GetPodResources() {
		for _, container := range pod.GetContainers() {
			for _, devices := range container.GetDevices() {
				if devices.GetResourceName() != a.resource {
					continue
				}
				for _, id := range devices.GetDeviceIds() {
					if holders[id] == nil {
						holders[id] = map[holder]bool{}
					}
					holders[id][holder{pod.GetNamespace(), pod.GetName(), container.GetName()}] = true
				}
			}
		}
	}
	return holders
}
