package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dudaji/nufi/apiserver/auth"
	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/controller"
	"github.com/dudaji/nufi/deviceplugin/cdi"
	"github.com/dudaji/nufi/deviceplugin/description"
	"github.com/dudaji/nufi/deviceplugin/exporter"
	"github.com/dudaji/nufi/deviceplugin/kubelet"
)

// recorder is a registry that keeps the collectors, because a registry gathers only metrics
// with values.
type recorder struct{ collectors []prometheus.Collector }

func (r *recorder) Register(c prometheus.Collector) error {
	r.collectors = append(r.collectors, c)
	return nil
}

func (r *recorder) MustRegister(cs ...prometheus.Collector) {
	r.collectors = append(r.collectors, cs...)
}

func (r *recorder) Unregister(prometheus.Collector) bool { return false }

// table returns the metrics of NuFi in the order of their names.
func (r *recorder) table() (string, error) {
	var rows [][]string
	for _, collector := range r.collectors {
		descs := make(chan *prometheus.Desc)
		go func() {
			defer close(descs)
			collector.Describe(descs)
		}()
		for desc := range descs {
			name, help, labels, err := parseDesc(desc)
			if err != nil {
				return "", err
			}
			if strings.HasPrefix(name, "nufi_") {
				rows = append(rows, []string{"`" + name + "`", labels, help})
			}
		}
	}
	slices.SortFunc(rows, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return table([]string{"Metric", "Labels", "Meaning"}, rows), nil
}

// parseDesc returns the parts of a description, which only its String method exposes.
func parseDesc(desc *prometheus.Desc) (name, help, labels string, err error) {
	text := desc.String()
	if _, err := fmt.Sscanf(text, "Desc{fqName: %q, help: %q,", &name, &help); err != nil {
		return "", "", "", fmt.Errorf("reading %s: %w", text, err)
	}
	_, variable, _ := strings.Cut(text, "variableLabels: {")
	variable = strings.TrimRight(variable, "}")
	if variable != "" {
		labels = "`" + strings.ReplaceAll(variable, ",", "`, `") + "`"
	}
	return name, strings.TrimSuffix(help, "."), labels, nil
}

func controllerMetrics(context.Context) (string, error) {
	var r recorder
	if err := controller.DescribeMetrics(&r); err != nil {
		return "", err
	}
	return r.table()
}

func apiServerMetrics(context.Context) (string, error) {
	var r recorder
	if _, err := newAPI(&r); err != nil {
		return "", err
	}
	if _, err := auth.NewMetrics(&r); err != nil {
		return "", err
	}
	if _, err := kube.NewCallMetrics(&r); err != nil {
		return "", err
	}
	r.MustRegister((&live.Cache{}).Collector())
	return r.table()
}

func devicePluginMetrics(context.Context) (string, error) {
	var r recorder
	kubelet.NewMetrics(&r)
	exporter.NewTransitions(&r)
	r.MustRegister((&cdi.Writer{}).Collector(), (&kubelet.Registration{}).Collector(), exporter.NewHealth(nil, description.Description{}, ""), exporter.NewAttribution(nil, "", "", ""))
	return r.table()
}
