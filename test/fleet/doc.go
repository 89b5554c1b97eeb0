// Package fleet measures the controller with a fleet of NpuDeploys on a real API
// server, against a plain loop that applies the same objects:
//
//	go test ./test/fleet -run '^$' -bench Fleet$ -benchtime 1x -timeout 1h
//
// BenchmarkCreate measures the creation alone, and of several runs (-benchtime 5x) the mean.
//
// -fleet sets the number of NpuDeploys. The controller is a process of its own, and
// what it takes is read from /proc. BenchmarkCurve measures several sizes and draws them:
//
//	go test ./test/fleet -run '^$' -bench Curve -benchtime 1x -timeout 3h -curve 100,1000,10000 -svg curve.svg
package fleet
