package cluster

import (
	"errors"
	"io"
	"net"
	"testing"
)

func TestChoosePortsReturnsDistinctFreePorts(t *testing.T) {
	t.Parallel()
	chosen, err := choosePorts(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if chosen.apiServer == chosen.etcd || chosen.etcd == chosen.peer || chosen.apiServer == chosen.peer {
		t.Errorf("ports are not distinct: %+v", chosen)
	}
	for _, port := range []int{chosen.apiServer, chosen.etcd, chosen.peer} {
		listener, err := net.Listen("tcp", address(port))
		if err != nil {
			t.Errorf("a chosen port is taken: %v", err)
			continue
		}
		closeAll(t, listener)
	}
}

func TestChoosePortsRejectsATakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", address(0))
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(t, taken)
	_, err = choosePorts(t.Context(), taken.Addr().(*net.TCPAddr).Port)
	if !errors.Is(err, ErrPortInUse) {
		t.Errorf("error is %v, want %v", err, ErrPortInUse)
	}
}

func closeAll(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
