// Package fetchers reads the metrics of accelerators from Prometheus, and gives every
// vendor's values the same names and units.
//
// It takes four steps:
//
//  1. query: one range query per vendor and refresh, for all the vendor's metrics;
//  2. normalize: each sample's labels and unit, by the vendor's table;
//  3. aggregate: samples become devices;
//  4. publish: an immutable Snapshot replaces the previous one.
//
// Utilization is a ratio from 0 to 1, memory is in bytes, temperature in degrees Celsius,
// power in watts. A value that no exporter reports is absent, never zero.
//
// The definition of a device's values, which the recording rules of bundle/monitoring share:
//
//   - a sample is converted and bounded before it is aggregated;
//   - a series with a UUID is of the device with that UUID, whatever node its labels name;
//   - of concurrent readings of one quantity the preferred metric counts, then the largest
//     value; a device is healthy only if every exporter reports so;
//   - a utilization by core is the mean of the cores with a value;
//   - a device that several pods share counts once, and its holder is "2 pods" with what they
//     have in common: PromQL does not order labels, so that no rule can choose one of them;
//   - NuFi's device plugin adds health and holder to the device of the same UUID or name that
//     the vendor's exporter reports; the exporter's holder takes precedence;
//   - a value of the whole board is the board's, not each partition's.
//
// A vendor is a table (see Vendor). A new one needs a table and its recorded exposition in
// testdata, and no code.
//
// Invalid samples are dropped and counted; an invalid response is one of the errors of this
// package. Memory is bounded by a small multiple of MaxResponse, for all vendors together. Of
// NuFi, the package imports only internal/message.
package fetchers
