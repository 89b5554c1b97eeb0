package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// loopback is the only address that anything here listens on.
const loopback = "127.0.0.1"

// ports are where a cluster listens.
type ports struct{ apiServer, etcd, peer int }

// choosePorts takes what the system gives for every port not asked for. Another
// program may still take one before its owner does: Start then tries again.
func choosePorts(ctx context.Context, apiServer int) (chosen ports, err error) {
	wanted := []struct {
		port int
		to   *int
	}{{apiServer, &chosen.apiServer}, {0, &chosen.etcd}, {0, &chosen.peer}}
	for _, w := range wanted {
		listener, taken := (&net.ListenConfig{}).Listen(ctx, "tcp", address(w.port))
		if errors.Is(taken, syscall.EADDRINUSE) {
			return ports{}, fmt.Errorf("%w: %s", ErrPortInUse, address(w.port))
		}
		if taken != nil {
			return ports{}, fmt.Errorf("choosing a port: %w", taken)
		}
		// All stay open until the last is chosen, so that they differ.
		defer func() { err = errors.Join(err, listener.Close()) }()
		*w.to = listener.Addr().(*net.TCPAddr).Port
	}
	return chosen, nil
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

func url(port int) string { return "https://" + address(port) }
