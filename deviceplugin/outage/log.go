// Package outage logs an error that repeats once, instead of at each attempt.
//
// It imports nothing else of the device plugin.
package outage

import "github.com/go-logr/logr"

// Log logs an operation's errors. Its zero value is an operation without an error.
type Log struct {
	last string
}

// Record logs the result of an attempt, if it differs from the previous one: an error as failed, and the
// first attempt without an error as recovered.
func (l *Log) Record(log logr.Logger, err error, failed, recovered string) {
	message := ""
	if err != nil {
		message = err.Error()
	}
	if message == l.last {
		return
	}
	l.last = message
	log = log.WithCallDepth(1)
	if err != nil {
		log.Error(err, failed)
	} else {
		log.Info(recovered)
	}
}
