package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// loopback is the address of all listeners.
const loopback = "127.0.0.1"

// ports are the ports of one cluster.
type ports struct{ apiServer, etcd, peer int }

// choosePorts chooses free ports; apiServer is 0 or the requested port. Another program
// may take one of them before the component does: Start then tries again.
func choosePorts(ctx context.Context, apiServer int) (ports, error) {
	chosen, err := FreePorts(ctx, apiServer, 0, 0)
	if err != nil {
		return ports{}, err
	}
	return ports{apiServer: chosen[0], etcd: chosen[1], peer: chosen[2]}, nil
}

// FreePorts returns one free loopback port for each requested one: the port itself, or any
// for 0. Its error is ErrPortInUse if a requested port is taken.
func FreePorts(ctx context.Context, requested ...int) ([]int, error) {
	var free []int
	for _, port := range requested {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address(port))
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("%w: %s", ErrPortInUse, address(port))
		}
		if err != nil {
			return nil, fmt.Errorf("choosing a port: %w", err)
		}
		// All listeners stay open until the end, so that the ports differ.
		defer listener.Close() //nolint:errcheck // Nothing was accepted or written.
		free = append(free, listener.Addr().(*net.TCPAddr).Port)
	}
	return free, nil
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

func url(port int) string { return "https://" + address(port) }
