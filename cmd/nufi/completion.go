package main

import (
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// addCompletion completes the arguments of a command for NpuDeploys, and its namespace, from the cluster.
func (f *namespaceFlags) addCompletion(cmd *cobra.Command) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		kube, err := f.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return namesOf(cmd, kube, v1.GroupVersion().WithKind("NpuDeployList"), client.InNamespace(f.namespace))
	}
	namespaces := func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		kube, err := f.clusterFlags.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return namesOf(cmd, kube, schema.GroupVersionKind{Version: "v1", Kind: "NamespaceList"})
	}
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("namespace", namespaces))
}

// namesOf lists the names of objects as completions.
func namesOf(cmd *cobra.Command, kube client.Reader, kind schema.GroupVersionKind, options ...client.ListOption) ([]cobra.Completion, cobra.ShellCompDirective) {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(kind)
	if err := kube.List(cmd.Context(), &list, options...); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names := make([]cobra.Completion, len(list.Items))
	for i, object := range list.Items {
		names[i] = object.Name
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeOutput completes -o.
func completeOutput(cmd *cobra.Command, outputs ...cobra.Completion) {
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp)))
}
