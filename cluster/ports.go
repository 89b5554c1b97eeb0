package cluster

import (
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
func choosePorts(apiServer int) (ports, error) {
	chosen := make([]int, 0, 3)
	for _, wanted := range []int{apiServer, 0, 0} {
		listener, err := net.Listen("tcp", address(wanted))
		if errors.Is(err, syscall.EADDRINUSE) {
			return ports{}, fmt.Errorf("%w: %s", ErrPortInUse, address(wanted))
		}
		if err != nil {
			return ports{}, fmt.Errorf("choosing a port: %w", err)
		}
		defer listener.Close() // All stay open until the last is chosen, so that they differ.
		chosen = append(chosen, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports{apiServer: chosen[0], etcd: chosen[1], peer: chosen[2]}, nil
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

func url(port int) string { return "https://" + address(port) }
