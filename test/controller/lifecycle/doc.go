// Package lifecycle holds tests that start and stop the controller and what it depends on.
package lifecycle
