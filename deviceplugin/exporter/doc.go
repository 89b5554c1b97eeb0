// Package exporter exports the devices as metrics: their health, their holders and their
// sensors.
//
// Invariants: everything is read at the scrape, within a timeout, so that no sample is
// stale and nothing is polled without a scrape; an unreadable value has no sample; a free
// device has a sample of 0 only while the kubelet reports the holders; labels are bounded
// by the number of devices.
package exporter
