package main

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"text/template"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dudaji/nufi/internal/cluster"
	v1 "github.com/dudaji/nufi/schemas/v1"
)

// summaryText is printed when everything is ready.
const summaryText = `
{{ with .Table }}{{ . }}
{{ end -}}
{{ with .NotReady }}{{ range . }}not ready: {{ . }}
{{ end }}
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
    kubectl delete deployment -n {{ .Namespace }} {{ .Name }}   # the controller creates it again
{{- end }}
{{- with .API }}
    curl {{ . }}/api/v1/npudeploys
    curl {{ . }}/api/v1/devices
{{- end }}
{{- with .Prometheus }}
    nufi devices --prometheus {{ . }} --watch
{{- end }}

{{ with .API }}The dashboard is at {{ . }}/
{{ end -}}
Logs are in {{ .Logs }}{{ with .Metrics }}, the controller's metrics at {{ . }}{{ end }}.
Ctrl-C stops everything.
`

// summary is the data of summaryText. URLs are empty for programs that do not run.
type summary struct {
	Table               string        // the output of kubectl get npudeploy -A
	NotReady            []string      // one line per NpuDeploy
	Example             *v1.NpuDeploy // a ready one
	Kubeconfig, Kubectl string        // paths
	Logs                string        // a folder
	Metrics             string        // URL of the controller's metrics
	API                 string        // URL of NuFi's API server
	Prometheus          string        // URL
}

// complete adds the cluster's paths, the table and an example.
func (s *summary) complete(ctx context.Context, c *cluster.Cluster, kube client.Client) error {
	table, err := c.Kubectl(ctx, "get", "npudeploy", "-A")
	if err != nil {
		return err
	}
	var deploys v1.NpuDeployList
	if err := kube.List(ctx, &deploys); err != nil {
		return err
	}
	first := slices.IndexFunc(deploys.Items, func(deploy v1.NpuDeploy) bool { return describeNotReady(&deploy) == "" })
	if s.Metrics != "" && first >= 0 { // The commands of the example require the controller.
		s.Example = &deploys.Items[first]
	}
	s.Table = table
	s.Kubeconfig, s.Kubectl = c.KubeconfigPath(), c.KubectlPath()
	s.Logs = filepath.Dir(c.LogPath(cluster.APIServer))
	return nil
}

func (s *summary) print(w io.Writer) error {
	return template.Must(template.New("summary").Parse(summaryText)).Execute(w, s)
}
