package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// Addon is another project's controller that a cluster can run: the name of its module in
// devcluster/, and of its log.
type Addon string

// The addons: LeaderWorkerSet, KubeRay, KEDA and Kueue.
const (
	LWS     Addon = "lws"
	KubeRay Addon = "kuberay"
	KEDA    Addon = "keda"
	Kueue   Addon = "kueue"
)

// Addons of which only the CRDs are installed, and no controller runs.
const (
	Istio      Addon = "istio"
	GatewayAPI Addon = "gateway-api"
	Inference  Addon = "inference"
)

// addon is how an addon is compiled and started.
type addon struct {
	title  string
	module string   // the Go module with the CRDs
	pkg    string   // the package of the program
	crds   []string // files of the module with CRDs
	args   []string // arguments of the program; $CONFIG, $CERTS, $SERVES and $PROBES come from addonValues
	// config is the program's configuration file, and objects the file of objects that are applied when it is ready.
	// Both are templates for addonValues, and may be empty.
	config, objects string
	// isTrimmed means that the program is compiled from a reduced copy of the module, which the command trim in the
	// addon's folder writes.
	isTrimmed bool
	// Without a program, version and sum are those of the module, as in go.sum, and only the CRDs with these names are
	// installed.
	version, sum string
	names        []string
}

func addons() map[Addon]addon {
	return map[Addon]addon{
		LWS: {
			title: "LeaderWorkerSet", module: "sigs.k8s.io/lws", pkg: "sigs.k8s.io/lws/cmd",
			// Without the second CRD, the program exits after two minutes.
			crds: []string{
				"config/crd/bases/leaderworkerset.x-k8s.io_leaderworkersets.yaml", "config/crd/bases/disaggregatedset.x-k8s.io_disaggregatedsets.yaml",
			},
			args:   []string{"--config=$CONFIG"},
			config: "config.yaml", objects: "webhooks.yaml",
		},
		KubeRay: {
			title: "KubeRay", module: "github.com/ray-project/kuberay/ray-operator", pkg: ".",
			crds: []string{"config/crd/bases/ray.io_rayclusters.yaml", "config/crd/bases/ray.io_rayservices.yaml"},
			args: []string{"--health-probe-bind-address=$PROBES"},
		},
		KEDA: {
			title: "KEDA", module: "github.com/kedacore/keda/v2", pkg: ".", isTrimmed: true,
			crds:    []string{"config/crd/bases/keda.sh_scaledobjects.yaml"},
			args:    []string{"--health-probe-bind-address=$PROBES", "--metrics-address=$SERVES", "--cert-dir=$CERTS"},
			objects: "metrics.yaml",
		},
		Kueue: {
			title: "Kueue", module: "sigs.k8s.io/kueue", pkg: ".",
			crds: kueueCRDs(
				"admissionchecks", "clusterqueues", "cohorts", "localqueues", "provisioningrequestconfigs", "resourceflavors", "topologies",
				"workloadpriorityclasses", "workloads",
			),
			args:   []string{"--config=$CONFIG"},
			config: "config.yaml", objects: "webhooks.yaml",
		},
		Istio: {
			title: "Istio", module: "istio.io/api", version: "v1.32.0", sum: "h1:37mJvg9I0biYZAEQF+MATs4FNeCpXEIVO3LFpVb6iNM=",
			crds:  []string{"kubernetes/customresourcedefinitions.gen.yaml"},
			names: []string{"gateways.networking.istio.io", "virtualservices.networking.istio.io"},
		},
		GatewayAPI: {
			title: "Gateway API", module: "sigs.k8s.io/gateway-api", version: "v1.6.3", sum: "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
			crds:  []string{"config/crd/standard/gateway.networking.k8s.io_gateways.yaml", "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"},
			names: []string{"gateways.gateway.networking.k8s.io", "httproutes.gateway.networking.k8s.io"},
		},
		Inference: {
			title: "Gateway API Inference Extension", module: "sigs.k8s.io/gateway-api-inference-extension",
			version: "v1.6.0", sum: "h1:cjtwMJYcTnLXBYE5ffR1/hHhn7U1aIFfe2RITYmOXVA=",
			crds:  []string{"config/crd/bases/inference.networking.k8s.io_inferencepools.yaml"},
			names: []string{"inferencepools.inference.networking.k8s.io"},
		},
	}
}

// kueueCRDs returns the files of Kueue's module with these CRDs.
func kueueCRDs(names ...string) []string {
	files := make([]string, 0, len(names))
	for _, name := range names {
		files = append(files, "config/components/crd/bases/kueue.x-k8s.io_"+name+".yaml")
	}
	return files
}

// AddonNames returns the names in alphabetical order.
func AddonNames() []string {
	names := make([]string, 0, len(addons()))
	for name := range addons() {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

// ParseAddons returns the addons of these names, each once. Its error lists the names that exist.
func ParseAddons(names []string) ([]Addon, error) {
	var parsed []Addon
	for _, name := range names {
		if _, exists := addons()[Addon(name)]; !exists {
			return nil, fmt.Errorf("%q is no addon: use %s", name, strings.Join(AddonNames(), ", "))
		}
		if !slices.Contains(parsed, Addon(name)) {
			parsed = append(parsed, Addon(name))
		}
	}
	return parsed, nil
}

// BuiltAddon is an addon that a cluster can start.
type BuiltAddon struct {
	name           Addon
	folder, source string // of the program and the definitions, and of the configuration
}

// Addon compiles an addon once from its module in devcluster/, or downloads its definitions once.
func (b Builder) Addon(ctx context.Context, name Addon) (BuiltAddon, error) {
	if add := addons()[name]; add.pkg == "" {
		return b.definitions(ctx, name, add)
	}
	root, err := Checkout(b.Checkout)
	if err != nil {
		return BuiltAddon{}, fmt.Errorf("%w, which %s is compiled from: change to a checkout", err, name)
	}
	add, dir := addons()[name], filepath.Join(root, "devcluster", string(name))
	module := os.DirFS(dir)
	version, err := moduleVersion(module, add.module)
	if err != nil {
		return BuiltAddon{}, fmt.Errorf("reading %s: %w", dir, err)
	}
	sum, err := digest(module)
	if err != nil {
		return BuiltAddon{}, fmt.Errorf("reading %s: %w", dir, err)
	}
	key := sha256.Sum256([]byte(sum + strings.Join(slices.Concat(add.crds, Compilation{}.flags()), " ")))
	target := filepath.Join(b.Cache, fmt.Sprintf("%s%s-%s-%x", addonPrefix, name, version, key[:6]))
	return BuiltAddon{name, target, dir}, b.buildOnce(ctx, target, add.title, func(part string) error {
		if err := b.compileAddon(ctx, dir, version, add, part); err != nil {
			return err
		}
		return copyDefinitions(ctx, dir, add, part)
	})
}

// compileAddon fills the folder with the program.
func (b Builder) compileAddon(ctx context.Context, dir, version string, add addon, part string) error {
	compilation := Compilation{Step: "compiling " + add.title + " " + version, Dir: dir, Package: add.pkg, Out: filepath.Join(part, binary)}
	if !add.isTrimmed {
		return compilation.Run(ctx, b.Progress)
	}
	b.Progress.report("downloading "+add.title+" "+version, "")
	source := filepath.Join(part, "source")
	if err := os.Mkdir(source, 0o700); err != nil {
		return diskFull(err)
	}
	modfile, err := output(ctx, dir, "run", "./trim", source)
	if err != nil {
		return fmt.Errorf("copying the source of %s: %w", add.title, err)
	}
	compilation.ModFile = modfile
	return errors.Join(compilation.Run(ctx, b.Progress), os.RemoveAll(source))
}

// output runs a command of go in a folder and returns its output.
func output(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := command(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, lastLines(stderr.String()))
	}
	return strings.TrimSpace(string(text)), nil
}

// addonPrefix begins the names of the builds of addons.
const addonPrefix = "addon-"

// moduleVersion returns the version that a go.mod requires of a module.
func moduleVersion(module fs.FS, path string) (string, error) {
	mod, err := fs.ReadFile(module, "go.mod")
	if err != nil {
		return "", err
	}
	version := regexp.MustCompile(`(?m)^(?:require)?\s*` + regexp.QuoteMeta(path) + ` (v\S+)`).FindSubmatch(mod)
	if version == nil {
		return "", errors.New("go.mod requires no " + path)
	}
	return string(version[1]), nil
}

// copyDefinitions copies the definitions from the module's source.
func copyDefinitions(ctx context.Context, dir string, add addon, to string) error {
	source, err := output(ctx, dir, "list", "-m", "-f", "{{.Dir}}", add.module)
	if err != nil {
		return fmt.Errorf("finding the source of %s: %w", add.module, err)
	}
	for _, file := range add.crds {
		content, err := os.ReadFile(filepath.Join(source, file)) //nolint:gosec // A file of the module.
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), content, 0o600); err != nil { //nolint:gosec // The folder and the names are ours.
			return diskFull(err)
		}
	}
	return nil
}

// StartAddon installs an addon and returns when its controller is ready.
func (c *Cluster) StartAddon(ctx context.Context, built BuiltAddon, progress Progress) error {
	add := addons()[built.name]
	if add.pkg == "" {
		progress.report("installing the definitions of "+add.title, "")
		return c.ApplyCRD(ctx, filepath.Join(built.folder, definitionsFile))
	}
	progress.report("starting "+add.title, "")
	for _, file := range add.crds {
		if err := c.ApplyCRD(ctx, filepath.Join(built.folder, filepath.Base(file))); err != nil {
			return fmt.Errorf("installing %s: %w", filepath.Base(file), err)
		}
	}
	values, err := c.prepareAddon(ctx, built.name)
	if err != nil {
		return fmt.Errorf("preparing %s: %w", add.title, err)
	}
	config := filepath.Join(values.Certificates, "config.yaml")
	if add.config != "" {
		if err := expand(filepath.Join(built.source, add.config), config, values); err != nil {
			return err
		}
	}
	args := []string{"--kubeconfig=" + c.KubeconfigPath()}
	fill := strings.NewReplacer("$CONFIG", config, "$CERTS", values.Certificates, "$SERVES", address(values.Port), "$PROBES", address(values.Probes))
	for _, arg := range add.args {
		args = append(args, fill.Replace(arg))
	}
	if err := c.Launch(Component(built.name), filepath.Join(built.folder, binary), args...); err != nil {
		return err
	}
	if err := c.Await(ctx, fmt.Sprintf("http://%s/readyz", address(values.Probes))); err != nil {
		return fmt.Errorf("starting %s: %w", add.title, err)
	}
	if add.objects == "" {
		return nil
	}
	objects := filepath.Join(values.Certificates, "objects.yaml")
	if err := expand(filepath.Join(built.source, add.objects), objects, values); err != nil {
		return err
	}
	return c.Apply(ctx, objects)
}

// addonValues are the values that an addon's files and arguments refer to.
type addonValues struct {
	Port, Probes int    // Port is where the API server calls the addon, for example its webhooks
	Certificates string // the folder with tls.crt and tls.key
	URL, CA      string // the address of Port, and its certificate authority in Base64
}

// prepareAddon chooses ports, and writes the certificate for what the API server calls.
func (c *Cluster) prepareAddon(ctx context.Context, name Addon) (addonValues, error) {
	free, err := FreePorts(ctx, 0, 0)
	if err != nil {
		return addonValues{}, err
	}
	values := addonValues{Port: free[0], Probes: free[1], URL: url(free[0]), Certificates: filepath.Join(c.dir, "certs", string(name))}
	if err := os.MkdirAll(values.Certificates, 0o700); err != nil {
		return values, diskFull(err)
	}
	for from, to := range map[string]string{certPath(c.dir, server): "tls.crt", keyPath(c.dir, server): "tls.key"} {
		content, err := os.ReadFile(from) //nolint:gosec // A file of the cluster.
		if err != nil {
			return values, err
		}
		if err := os.WriteFile(filepath.Join(values.Certificates, to), content, 0o600); err != nil { //nolint:gosec // The folder and the names are ours.
			return values, diskFull(err)
		}
	}
	root, err := os.ReadFile(certPath(c.dir, "ca"))
	values.CA = base64.StdEncoding.EncodeToString(root)
	return values, err
}

// expand writes a file from its template.
func expand(from, to string, values addonValues) error {
	parsed, err := template.ParseFiles(from)
	if err != nil {
		return err
	}
	var content bytes.Buffer
	if err := parsed.Execute(&content, values); err != nil {
		return err
	}
	return diskFull(os.WriteFile(to, content.Bytes(), 0o600))
}
