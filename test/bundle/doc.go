// Package bundle holds tests that install bundle/ with kubectl.
package bundle
