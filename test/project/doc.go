// Package project holds tests of the controller with Projects on a real API server.
package project
