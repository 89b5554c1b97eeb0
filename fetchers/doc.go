// Package fetchers reads what accelerators say of themselves from Prometheus, and gives
// every vendor's numbers the same names and units.
//
// It takes four steps:
//
//  1. ask: one range query per vendor and refresh, which names all the vendor's metrics;
//  2. normalise: each sample's labels and unit, by the vendor's table;
//  3. fold: samples become devices, the newest of each quantity wins;
//  4. publish: a Snapshot, which never changes, replaces the one before it.
//
// Utilisation is a ratio from 0 to 1, memory is in bytes, temperature in degrees Celsius,
// power in watts. What no exporter says is absent; it is never zero.
//
// A vendor is a table (see Vendor). A new one needs a table and its recorded exposition
// in testdata, and no code. The recording rules of bundle/monitoring are made of the same
// tables, so that a dashboard and this package agree.
//
// A sample that makes no sense is dropped and counted; an answer that makes none is one of
// the errors of this package. Neither costs more than MaxAnswer bytes of memory several
// times over. The package imports nothing else of NuFi.
package fetchers
