// Package apiserver holds tests of the API server while Kubernetes is unreachable, and benchmarks.
package apiserver
