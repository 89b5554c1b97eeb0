// Command server stands for an inference server: it is healthy, tells what its container
// was given, and writes a log when it begins, crashes or ends. With the argument pause it
// only waits, as the container that holds a pod's network has to.
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

// address is where policy expects servers.
const address = ":8000"

func main() {
	if len(os.Args) == 2 && os.Args[1] == "pause" {
		pause()
		return
	}
	instance := rand.Text()
	say(instance + " begins")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /container", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(look(instance)) // whoever asked is gone if this fails
	})
	mux.HandleFunc("GET /crash", func(http.ResponseWriter, *http.Request) {
		say(instance + " crashes")
		os.Exit(3)
	})
	go func() {
		pause()
		say(instance + " ends")
		os.Exit(0)
	}()
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	if err := server.ListenAndServe(); err != nil {
		os.Exit(1)
	}
}

// say writes as many lines as a reader could lose some of.
func say(what string) {
	for i := range 1000 {
		_, _ = fmt.Fprintln(os.Stdout, what, i) // as a server does, whether they are read or not
	}
}

func pause() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
}

// view is what a process sees of its container.
type view struct {
	// Instance differs for each process.
	Instance string `json:"instance"`
	// VisibleDevices is the device plugin's variable: PCI addresses, separated by commas.
	VisibleDevices string `json:"visibleDevices"`
	// Devices are the accelerators' nodes that can be opened to read and write.
	Devices []string `json:"devices"`
	// SharedMemoryBytes is the size of /dev/shm.
	SharedMemoryBytes int64 `json:"sharedMemoryBytes"`
}

func look(instance string) view {
	seen := view{Instance: instance, VisibleDevices: os.Getenv("SAPEON_VISIBLE_DEVICES")}
	nodes, _ := filepath.Glob("/dev/snx3_*") // the pattern is a good one
	for _, node := range nodes {
		if file, err := os.OpenFile(node, os.O_RDWR, 0); err == nil { //nolint:gosec // The pattern says which.
			seen.Devices = append(seen.Devices, node)
			_ = file.Close()
		}
	}
	var shm syscall.Statfs_t
	if syscall.Statfs("/dev/shm", &shm) == nil {
		seen.SharedMemoryBytes = int64(shm.Blocks) * shm.Bsize //nolint:gosec // No memory has 2^63 bytes.
	}
	return seen
}
