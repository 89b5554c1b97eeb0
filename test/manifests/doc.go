// Package manifests is the tests that Kubernetes accepts the objects that specs render to, and
// that the rules reject what Kubernetes would reject.
package manifests
