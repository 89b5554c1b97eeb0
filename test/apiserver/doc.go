// Package apiserver tests the API server while Kubernetes is unreachable, and contains its benchmarks.
package apiserver
