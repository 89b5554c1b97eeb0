// Command server simulates an inference server: it is healthy, reports the devices of its container,
// and writes a log when it begins, crashes or ends. With the argument pause it only waits, as a pod's
// sandbox container.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// address has the port of policy.
const address = ":8000"

func main() {
	if len(os.Args) == 2 && os.Args[1] == "pause" {
		pause()
		return
	}
	instance := rand.Text()
	writeLog(instance + " begins")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /container", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(newView(instance)) // The client disconnected if this fails.
	})
	mux.HandleFunc("GET /crash", func(http.ResponseWriter, *http.Request) {
		writeLog(instance + " crashes")
		os.Exit(3)
	})
	go func() {
		pause()
		writeLog(instance + " ends")
		os.Exit(0)
	}()
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	if err := server.ListenAndServe(); err != nil {
		os.Exit(1)
	}
}

// writeLog writes a thousand lines, so that a reader could lose some.
func writeLog(what string) {
	for i := range 1000 {
		_, _ = fmt.Fprintln(os.Stdout, what, i) // Servers ignore errors of their log.
	}
}

func pause() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
}

// view is the container as the process sees it.
type view struct {
	// Instance differs for each process.
	Instance string `json:"instance"`
	// VisibleDevices is the device plugin's variable: PCI addresses, separated by commas.
	VisibleDevices string `json:"visibleDevices"`
	// Devices are the accelerators' nodes that can be opened for reading and writing.
	Devices []string `json:"devices"`
	// SharedMemoryBytes is the size of /dev/shm.
	SharedMemoryBytes int64 `json:"sharedMemoryBytes"`
}

func newView(instance string) view {
	v := view{Instance: instance, VisibleDevices: os.Getenv("SAPEON_VISIBLE_DEVICES")}
	nodes, _ := filepath.Glob("/dev/snx3_*") // The pattern is valid.
	for _, node := range nodes {
		if file, err := os.OpenFile(node, os.O_RDWR, 0); err == nil { //nolint:gosec // The pattern restricts the path.
			v.Devices = append(v.Devices, node)
			_ = file.Close()
		}
	}
	var shm syscall.Statfs_t
	if syscall.Statfs("/dev/shm", &shm) == nil {
		v.SharedMemoryBytes = int64(shm.Blocks) * shm.Bsize //nolint:gosec // No memory has 2^63 bytes.
	}
	return v
}
