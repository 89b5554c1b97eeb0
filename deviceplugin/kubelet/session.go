package kubelet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// stream is the state of the kubelet's ListAndWatch.
type stream int

const (
	streamAwaited stream = iota
	streamOpen
	streamClosed
)

// session serves the Server on one socket until it is stopped.
type session struct {
	pluginapi.UnimplementedDevicePluginServer
	server *Server
	grpc   *grpc.Server
	wake   func() // called when the stream changed

	path       string
	file       os.FileInfo
	registered time.Time // zero until it is
	stopping   chan struct{}
	served     chan struct{} // closed when the gRPC server has stopped

	mu     sync.Mutex
	stream stream
}

// serve serves on a new socket in dir.
func serve(ctx context.Context, server *Server, dir string, wake func()) (*session, error) {
	path := filepath.Join(dir, socketPrefix(server.Granter.Resource)+strings.ToLower(rand.Text()[:10])+".sock")
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listening for the kubelet: %w", err)
	}
	file, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listening for the kubelet: %w", err), listener.Close())
	}
	s := &session{
		server: server, grpc: grpc.NewServer(), wake: wake,
		path: path, file: file,
		stopping: make(chan struct{}), served: make(chan struct{}),
	}
	pluginapi.RegisterDevicePluginServer(s.grpc, s)
	go func() {
		defer close(s.served)
		_ = s.grpc.Serve(listener) // a broken listener closes the stream
	}()
	return s, nil
}

// maxPrefix leaves room for the directory: a socket's path has 107 bytes at most, and a
// resource's name may be longer.
const maxPrefix = 34

// socketPrefix is the prefix of the names of a resource's sockets.
func socketPrefix(resource string) string {
	return strings.ReplaceAll(resource[:min(len(resource), maxPrefix)], "/", "-") + "-"
}

// stop ends the stream, lets calls in progress finish for as long as drain, and removes
// the socket.
func (s *session) stop(drain time.Duration) {
	close(s.stopping)
	hard := s.server.Clock.NewTimer(drain)
	defer hard.Stop()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.grpc.GracefulStop()
	}()
	select {
	case <-drained:
	case <-hard.C():
		s.grpc.Stop()
		<-drained
	}
	<-s.served
}

func (s *session) streamState() stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream
}

func (s *session) setStream(state stream) {
	s.mu.Lock()
	s.stream = state
	s.mu.Unlock()
	s.wake()
}

// GetDevicePluginOptions implements the device plugin API.
func (s *session) GetDevicePluginOptions(context.Context, *pluginapi.Empty) (*pluginapi.DevicePluginOptions, error) {
	return s.server.options(), nil
}

// ListAndWatch implements the device plugin API. It sends the devices whenever their
// advertised state changes.
func (s *session) ListAndWatch(_ *pluginapi.Empty, out grpc.ServerStreamingServer[pluginapi.ListAndWatchResponse]) error {
	defer s.setStream(streamClosed)
	var sent *pluginapi.ListAndWatchResponse
	for {
		entries, changed := s.server.Devices.Snapshot()
		list := &pluginapi.ListAndWatchResponse{Devices: advertise(entries)}
		if sent == nil || !proto.Equal(sent, list) {
			if err := out.Send(list); err != nil {
				return fmt.Errorf("sending the devices: %w", err)
			}
			if sent == nil {
				s.setStream(streamOpen)
			}
			sent = list
		}
		select {
		case <-s.stopping:
			return nil
		case <-out.Context().Done():
			return nil
		case <-changed:
		}
	}
}

// GetPreferredAllocation implements the device plugin API. It never fails.
func (s *session) GetPreferredAllocation(_ context.Context, request *pluginapi.PreferredAllocationRequest) (*pluginapi.PreferredAllocationResponse, error) {
	return s.server.preferred(request), nil
}

// Allocate implements the device plugin API.
func (s *session) Allocate(ctx context.Context, request *pluginapi.AllocateRequest) (*pluginapi.AllocateResponse, error) {
	response, err := s.server.allocate(ctx, request)
	s.server.Metrics.allocated(err)
	return response, err
}

// PreStartContainer implements the device plugin API.
func (s *session) PreStartContainer(ctx context.Context, request *pluginapi.PreStartContainerRequest) (*pluginapi.PreStartContainerResponse, error) {
	err := s.server.prepare(ctx, request.GetDevicesIds())
	s.server.Metrics.prepared(err)
	if err != nil {
		return nil, err
	}
	return &pluginapi.PreStartContainerResponse{}, nil
}
