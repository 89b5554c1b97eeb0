package cluster

import (
	"os"
	"path/filepath"
)

// What a cluster's directory holds.
func lockPath(dir string) string             { return filepath.Join(dir, "cluster.lock") }
func dataPath(dir string) string             { return filepath.Join(dir, "etcd") }
func stagesPath(dir string) string           { return filepath.Join(dir, "kwok", "kwok.yaml") }
func certPath(dir, name string) string       { return filepath.Join(dir, "certs", name+".crt") }
func keyPath(dir, name string) string        { return filepath.Join(dir, "certs", name+".key") }
func logPath(dir string, c Component) string { return filepath.Join(dir, "logs", string(c)+".log") }

// kubeconfigPath is the administrator's for the name "", and a component's otherwise.
func kubeconfigPath(dir, name string) string {
	if name == "" {
		return filepath.Join(dir, "kubeconfig")
	}
	return filepath.Join(dir, "certs", name+".kubeconfig")
}

// lay makes the directory ready for a start: the last run's logs and credentials go,
// its data stays unless reset.
func lay(dir string, reset bool) error {
	stale := []string{"certs", "logs", "kwok", kubectl}
	if reset {
		stale = append(stale, "etcd")
	}
	for _, name := range stale {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for _, name := range []string{"certs", "logs", "kwok", "etcd"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return full(err)
		}
	}
	return nil
}

func writePair(dir, name string, p pair) error {
	if err := os.WriteFile(certPath(dir, name), p.cert, 0o600); err != nil {
		return full(err)
	}
	return full(os.WriteFile(keyPath(dir, name), p.key, 0o600))
}
