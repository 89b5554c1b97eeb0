package cluster

import (
	"os"
	"path/filepath"
)

// The files of a cluster's directory.
func lockPath(dir string) string             { return filepath.Join(dir, "cluster.lock") }
func dataPath(dir string) string             { return filepath.Join(dir, "etcd") }
func stagesPath(dir string) string           { return filepath.Join(dir, "kwok", "kwok.yaml") }
func certPath(dir, name string) string       { return filepath.Join(dir, "certs", name+".crt") }
func keyPath(dir, name string) string        { return filepath.Join(dir, "certs", name+".key") }
func logPath(dir string, c Component) string { return filepath.Join(dir, "logs", string(c)+".log") }

// kubeconfigPath returns the path of a component's kubeconfig, or of the administrator's
// if name is empty.
func kubeconfigPath(dir, name string) string {
	if name == "" {
		return filepath.Join(dir, "kubeconfig")
	}
	return filepath.Join(dir, "certs", name+".kubeconfig")
}

// prepareDir removes the logs and credentials of an earlier run, and its data if reset is true.
func prepareDir(dir string, reset bool) error {
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
			return diskFull(err)
		}
	}
	return nil
}

func writePair(dir, name string, p pair) error {
	if err := os.WriteFile(certPath(dir, name), p.cert, 0o600); err != nil {
		return diskFull(err)
	}
	return diskFull(os.WriteFile(keyPath(dir, name), p.key, 0o600))
}
