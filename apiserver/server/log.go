package server

import (
	"log"
	"strings"

	"github.com/go-logr/logr"
)

// errorLog returns a logger for net/http that writes debug lines to logger: any client can
// cause them, by bad handshakes and the like.
func errorLog(logger logr.Logger) *log.Logger { return log.New(lineWriter{logger}, "", 0) }

type lineWriter struct{ logger logr.Logger }

// Write logs one line.
func (l lineWriter) Write(text []byte) (int, error) {
	l.logger.V(1).Info("Closed a connection", "reason", strings.TrimSpace(string(text)))
	return len(text), nil
}
