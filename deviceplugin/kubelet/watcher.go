package kubelet

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/fsnotify/fsnotify"
	"github.com/go-logr/logr"

	"github.com/dudaji/nufi/deviceplugin/outage"
)

const kubeletSocketName = "kubelet.sock"

// watcher wakes the registration when a relevant file is created or removed. It only
// shortens the delay: the periodic evaluation finds the same.
type watcher struct {
	dir      string
	relevant func(fsnotify.Event) bool
	wake     func()

	notify  *fsnotify.Watcher
	done    chan struct{}
	outages outage.Log
}

func newWatcher(dir string, relevant func(fsnotify.Event) bool, wake func()) *watcher {
	return &watcher{dir: dir, relevant: relevant, wake: wake}
}

// ensure starts watching, or starts again if the directory was replaced.
func (w *watcher) ensure(log logr.Logger) {
	if w.notify != nil && len(w.notify.WatchList()) > 0 {
		return
	}
	w.close()
	w.outages.Record(log, w.start(), "Could not watch the kubelet's directory, polling instead", "Watching the kubelet's directory again")
}

func (w *watcher) start() error {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	if err := notify.Add(w.dir); err != nil {
		return errors.Join(err, notify.Close())
	}
	w.notify, w.done = notify, make(chan struct{})
	go w.forward()
	return nil
}

func (w *watcher) forward() {
	defer close(w.done)
	for {
		select {
		case event, open := <-w.notify.Events:
			if !open {
				return
			}
			if w.relevant(event) {
				w.wake()
			}
		case _, open := <-w.notify.Errors: // an overflow: events were dropped
			if !open {
				return
			}
			w.wake()
		}
	}
}

func (w *watcher) close() {
	if w.notify == nil {
		return
	}
	_ = w.notify.Close() // it fails only if it was closed already
	<-w.done
	w.notify = nil
}

// relevant reports whether an event may change the registration state: the kubelet's
// socket was created, or our own removed.
func (r *Registration) relevant(event fsnotify.Event) bool {
	if filepath.Base(event.Name) == kubeletSocketName {
		return event.Has(fsnotify.Create)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	gone := event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename)
	return gone && (event.Name == r.dir || r.current != nil && event.Name == r.current.path)
}

// sweep removes the sockets of killed plugins of the resource: connections to them are
// refused.
func sweep(ctx context.Context, dir, prefix string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if !strings.HasPrefix(entry.Name(), prefix) || entry.Type() != os.ModeSocket {
			continue
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err == nil {
			_ = conn.Close() // a probe, nothing was sent
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			_ = os.Remove(path) // tidiness only
		}
	}
}
