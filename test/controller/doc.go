// Package controller holds tests of the whole controller on a real API server.
package controller
