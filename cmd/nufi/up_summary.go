package main

import (
	"context"
	"io"
	"path/filepath"
	"text/template"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// next is what the user reads once all is up.
const next = `
{{ with .Table }}{{ . }}
{{ end -}}
{{ range .NotReady }}not ready: {{ . }}
{{ end -}}
In another terminal:

    export KUBECONFIG={{ .Kubeconfig }}
    alias kubectl={{ .Kubectl }}

Try:

    kubectl get nodes
    kubectl explain npudeploy.spec
{{- with .Example }}
    kubectl describe npudeploy -n {{ .Namespace }} {{ .Name }}
    kubectl scale npudeploy -n {{ .Namespace }} {{ .Name }} --replicas=2
    kubectl delete deployment -n {{ .Namespace }} {{ .Name }}   # it comes back
{{- end }}
{{- with .API }}
    curl {{ . }}/api/v1/npudeploys
    curl {{ . }}/api/v1/devices
{{- end }}
{{- with .Prometheus }}
    nufi devices --prometheus {{ . }} --watch
{{- end }}

Logs are in {{ .Logs }}{{ with .Metrics }}, the controller's metrics at {{ . }}{{ end }}.
Ctrl-C stops everything.
`

// summary is what next tells.
type summary struct {
	Table               string   // as kubectl get npudeploy -A prints it
	NotReady            []string // why, of each that is not
	Example             *v1.NpuDeploy
	Kubeconfig, Kubectl string
	Logs, Metrics       string
	API                 string // the URL of NuFi's API server, if it runs
	Prometheus          string // its URL, if it runs
}

// complete asks the cluster for what it shows.
func (s *summary) complete(ctx context.Context, c *cluster.Cluster, kube client.Client) error {
	table, err := c.Kubectl(ctx, "get", "npudeploy", "-A")
	if err != nil {
		return err
	}
	var deploys v1.NpuDeployList
	if err := kube.List(ctx, &deploys); err != nil {
		return err
	}
	if s.Metrics != "" && len(deploys.Items) > 0 { // Without a controller there is nothing to try on it.
		s.Example = &deploys.Items[0]
	}
	s.Table = table
	s.Kubeconfig, s.Kubectl = c.KubeconfigPath(), c.KubectlPath()
	s.Logs = filepath.Dir(c.LogPath(cluster.APIServer))
	return nil
}

func (s *summary) print(w io.Writer) error {
	return template.Must(template.New("next").Parse(next)).Execute(w, s)
}
