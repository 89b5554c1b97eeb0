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
func choosePorts(ctx context.Context, apiServer int) (ports, error) {
	chosen, err := FreePorts(ctx, apiServer, 0, 0)
	if err != nil {
		return ports{}, err
	}
	return ports{apiServer: chosen[0], etcd: chosen[1], peer: chosen[2]}, nil
}

// FreePorts returns ports of loopback that nobody listens on: for each one wanted
// itself, or for 0 any.
func FreePorts(ctx context.Context, wanted ...int) (free []int, err error) {
	for _, port := range wanted {
		listener, taken := (&net.ListenConfig{}).Listen(ctx, "tcp", address(port))
		if errors.Is(taken, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("%w: %s", ErrPortInUse, address(port))
		}
		if taken != nil {
			return nil, fmt.Errorf("choosing a port: %w", taken)
		}
		// All stay open until the last is chosen, so that they differ.
		defer func() { err = errors.Join(err, listener.Close()) }()
		free = append(free, listener.Addr().(*net.TCPAddr).Port)
	}
	return free, nil
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

func url(port int) string { return "https://" + address(port) }
