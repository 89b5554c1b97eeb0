package server

import (
	"log"
	"strings"

	"github.com/go-logr/logr"
)

// errorLog has net/http write what it complains of as lines of our log.
func errorLog(to logr.Logger) *log.Logger { return log.New(lines{to}, "", 0) }

type lines struct{ to logr.Logger }

// Write writes one line: bad handshakes and the like, which clients cause as they please.
func (l lines) Write(text []byte) (int, error) {
	l.to.V(1).Info("broke off a connection", "reason", strings.TrimSpace(string(text)))
	return len(text), nil
}
