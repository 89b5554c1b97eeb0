package kube

import (
	"context"
	"errors"
	"net"
	"net/url"
)

// Unreachable says whether a call to Kubernetes' API server failed on its way, and not by an
// answer.
func Unreachable(err error) bool {
	var onTheWay *url.Error
	var network net.Error
	return errors.As(err, &onTheWay) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded)
}
