#!/usr/bin/env bash
# sigs.k8s.io/controller-runtime v0.25.2: a defaulting webhook that sets one label also rewrites each quantity, and adds empty fields.
#
# Expected: the patch of a webhook contains what its Default function changed. Since v0.20 the library leaves out what
# only decoding and encoding removed, such as fields that its types do not know.
# Observed: what they add or write otherwise stays in the patch, as soon as Default changes anything: 8 becomes "8", "1024Mi" becomes
# "1Gi", and resources, status and others appear. A custom resource is stored as it was sent, so that the stored
# object differs from the manifest in fields that no defaulter names. A client that applies the manifest again changes it, the
# webhook changes it back, and clients that compare texts see drift. If Default changes nothing, there is no patch.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require (
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
	sigs.k8s.io/controller-runtime v0.25.2
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const manifest = `{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a", "labels": {"team": "a"}}, "spec": {
"selector": {}, "serviceName": "a", "updateStrategy": {}, "template": {"spec": {"containers": [
{"name": "server", "newField": true, "resources": {"limits": {"example.com/npu": 8, "memory": "1024Mi"}}}, {"name": "proxy"}]}}}}`

// team sets the label.
type team string

func (t team) Default(_ context.Context, set *appsv1.StatefulSet) error {
	set.Labels["team"] = string(t)
	return nil
}

func main() {
	scheme := runtime.NewScheme()
	if err := appsv1.AddToScheme(scheme); err != nil {
		panic(err)
	}
	for _, name := range []team{"a", "b"} {
		response := admission.WithDefaulter(scheme, name).Handle(context.Background(), admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
			Operation: admissionv1.Update, Object: runtime.RawExtension{Raw: []byte(manifest)},
		}})
		var lines []string
		for _, patch := range response.Patches {
			lines = append(lines, "  "+patch.Json())
		}
		slices.Sort(lines)
		fmt.Printf("label %s: %d patches\n", name, len(lines))
		for _, line := range lines {
			fmt.Println(line)
		}
	}
}
GO
go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . > output
cat output
diff - output <<'OUT'
label a: 0 patches
label b: 6 patches
  {"op":"add","path":"/spec/template/metadata","value":{}}
  {"op":"add","path":"/spec/template/spec/containers/1/resources","value":{}}
  {"op":"add","path":"/status","value":{"availableReplicas":0,"replicas":0}}
  {"op":"replace","path":"/metadata/labels/team","value":"b"}
  {"op":"replace","path":"/spec/template/spec/containers/0/resources/limits/example.com~1npu","value":"8"}
  {"op":"replace","path":"/spec/template/spec/containers/0/resources/limits/memory","value":"1Gi"}
OUT
echo 'as described'
