package exporter

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"
)

// maxResponse fits the devices of a full node, which exceed gRPC's default of 4 MiB.
const maxResponse = 16 << 20

// Attribution exports which container holds which device, as the kubelet reports.
type Attribution struct {
	devices  Devices
	socket   string
	resource string
	hostname string

	up        *prometheus.Desc
	allocated *prometheus.Desc
}

// NewAttribution returns a collector that queries the kubelet's pod-resources socket.
func NewAttribution(devices Devices, socket, resource, hostname string) *Attribution {
	return &Attribution{
		devices: devices, socket: socket, resource: resource, hostname: hostname,
		up: prometheus.NewDesc("nufi_deviceplugin_pod_resources_up",
			"1 if the kubelet reported the holders of the devices, 0 if it did not respond.", nil, nil),
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
	response, err := a.list()
	if err != nil {
		out <- prometheus.MustNewConstMetric(a.up, prometheus.GaugeValue, 0)
		return
	}
	out <- prometheus.MustNewConstMetric(a.up, prometheus.GaugeValue, 1)
	holders := a.holders(response)
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

// list connects anew: a connection that is kept delays its next attempt by up to two minutes if the kubelet was away.
func (a *Attribution) list() (*podresources.ListPodResourcesResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	conn, err := grpc.NewClient("unix:"+a.socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponse)))
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // the call is over
	return podresources.NewPodResourcesListerClient(conn).List(ctx, &podresources.ListPodResourcesRequest{})
}

type holder struct {
	namespace, pod, container string
}

// holders groups the kubelet's response by device. The containers of one pod may hold a
// device one after the other; all are reported.
func (a *Attribution) holders(response *podresources.ListPodResourcesResponse) map[string]map[holder]bool {
	holders := map[string]map[holder]bool{}
	for _, pod := range response.GetPodResources() {
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
