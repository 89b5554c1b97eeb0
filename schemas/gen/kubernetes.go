package main

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Patterns of Kubernetes, each with a phrase in phrases.
const (
	patternKey          = `^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`
	patternLabelValue   = `^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`
	patternLabel        = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	patternSubdomain    = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	patternVariable     = `^[ -<>-~]+$`
	patternConfigKey    = `^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$`
	patternHeader       = `^[-A-Za-z0-9]+$`
	patternRelativePath = `^[^/]`
	patternDriver       = `^[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?$`
	patternSigner       = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+/[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	patternTrustBundle  = `^([a-z0-9][-.a-z0-9]*[a-z0-9]:[a-z0-9]([-.a-z0-9]*[a-z0-9])?:)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	patternTarget       = `^(iqn\.[0-9]{4}-[0-9]{2}\.[-.A-Za-z0-9]+:[^,;*&$|\s]+|eui\.[A-Za-z0-9]{16}|naa\.[A-Za-z0-9]{32})$`
	patternProfile      = `^\S(.*\S)?$`
	patternQuantity     = `^[+-]?([0-9]{1,32}(\.[0-9]{0,32})?|\.[0-9]{1,32})([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$`
	patternMedium       = `^(Memory|HugePages(-[1-9][0-9]*([kMGT]|[KMGT]i)?)?)?$`
)

// additions are what Kubernetes requires of fields of its own types beyond their schemas: by the end of
// the field's path, with [] for the elements of a list and {} for the values of a map, an addition to its
// schema. An end such as "ecurityContext" is that of securityContext and of podSecurityContext.
type additions map[string]string

// absent returns the ends of the paths of fields that the CRD does not have: volumes that no node of Kubernetes
// 1.37 mounts, and fields that its API server removes by default.
func absent() []string {
	return []string{
		"volumes[].cephfs", "volumes[].flocker", "volumes[].gitRepo", "volumes[].glusterfs", "volumes[].photonPersistentDisk",
		"volumes[].quobyte", "volumes[].rbd", "volumes[].scaleIO", "volumes[].storageos",
		"emptyDir.mode", ".defaultUser", "items[].user", "serviceAccountToken.user", "clusterTrustBundle.user", "podCertificate.user",
	}
}

func kubernetesBounds() additions {
	b := additions{}
	b.addVariables()
	b.addProbes()
	b.addSecurity()
	b.addPlacement()
	b.addVolumes()
	b.addProjectedVolumes()
	b.addVolumesOfNodes()
	return b
}

func (b additions) add(schema string, fields ...string) {
	for _, field := range fields {
		b[field] = schema
	}
}

func (b additions) pattern(pattern string, fields ...string) {
	b.add("{minLength: 1, "+matching(pattern)+"}", fields...)
}

func (b additions) patternOrEmpty(pattern string, fields ...string) {
	b.add("{"+matching(pattern)+"}", fields...)
}

// matching returns the bounds of texts with a pattern, with the length that Kubernetes allows.
func matching(pattern string) string {
	bounds := fmt.Sprintf("pattern: %q", pattern)
	switch strings.TrimPrefix(pattern, "^$|") {
	case patternLabel, patternLabelValue, patternDriver:
		bounds += ", maxLength: 63"
	case patternSubdomain, patternConfigKey:
		bounds += ", maxLength: 253"
	}
	return bounds
}

func (b additions) require(name string, fields ...string) {
	b.add("{required: ["+name+"]}", fields...)
}

func (b additions) addVariables() {
	b.pattern(patternVariable, "env[].name")
	b.patternOrEmpty("^$|"+patternVariable, "envFrom[].prefix")
	b.pattern(patternVariable, "fileKeyRef.key")
	b.pattern(patternLabel, "fileKeyRef.volumeName")
	b.pattern(patternRelativePath, "fileKeyRef.path")
	b.require("name", "env[].valueFrom.secretKeyRef", "env[].valueFrom.configMapKeyRef", "envFrom[].secretRef", "envFrom[].configMapRef")
	b.pattern(patternSubdomain, "secretKeyRef.name", "configMapKeyRef.name", "secretRef.name", "configMapRef.name", "imagePullSecrets[].name")
	b.pattern(patternConfigKey, "secretKeyRef.key", "configMapKeyRef.key", "configMap.items[].key", "secret.items[].key")
	b.add(`{enum: ["", v1]}`, "fieldRef.apiVersion")
}

func (b additions) addProbes() {
	for _, probe := range []string{"startup", "readiness", "liveness"} {
		b.add("{minimum: 0}", probe+".initialDelaySeconds", probe+".timeoutSeconds", probe+".periodSeconds", probe+".failureThreshold", probe+".successThreshold")
		b.add("{minimum: 1}", probe+".terminationGracePeriodSeconds")
	}
	b.add("{minimum: 0, maximum: 1}", "startup.successThreshold", "liveness.successThreshold")
	b.add("{enum: [HTTP, HTTPS]}", "httpGet.scheme")
	b.pattern(patternHeader, "httpHeaders[].name")
	b.add("{minimum: 1, maximum: 65535}", "grpc.port", "httpGet.port", "tcpSocket.port")
}

func (b additions) addSecurity() {
	b.add("{enum: [Localhost, RuntimeDefault, Unconfined]}", "seccompProfile.type", "appArmorProfile.type")
	b.add("{minimum: 0, maximum: 2147483647}", "ecurityContext.runAsUser", "ecurityContext.runAsGroup", "SecurityContext.fsGroup", "supplementalGroups[]")
	b.add("{enum: [OnRootMismatch, Always]}", "fsGroupChangePolicy")
	b.add("{enum: [Merge, Strict]}", "supplementalGroupsPolicy")
	b.add("{enum: [Recursive, MountOption]}", "seLinuxChangePolicy")
	b.add("{enum: [Default, Unmasked]}", "procMount")
	b.pattern(patternProfile, "appArmorProfile.localhostProfile")
}

func (b additions) addPlacement() {
	b.pattern(patternKey, "topologyKey", "matchExpressions[].key", "matchLabelKeys[]", "mismatchLabelKeys[]")
	b.add("{minimum: 1}", "maxSkew", "minDomains")
	b.add("{enum: [DoNotSchedule, ScheduleAnyway]}", "whenUnsatisfiable")
	b.add("{enum: [Honor, Ignore]}", "nodeAffinityPolicy", "nodeTaintsPolicy")
	b.add("{enum: [In, NotIn, Exists, DoesNotExist]}", "matchExpressions[].operator")
	b.add("{enum: [In, NotIn, Exists, DoesNotExist, Gt, Lt]}", "nodeSelectorTerms[].matchExpressions[].operator", "preference.matchExpressions[].operator")
	b.add("{enum: [metadata.name]}", "matchFields[].key")
	b.add("{enum: [In, NotIn]}", "matchFields[].operator")
	b.add("{minimum: 1, maximum: 100}", "preferredDuringSchedulingIgnoredDuringExecution[].weight")
	b.patternOrEmpty(patternLabelValue, "matchExpressions[].values[]")
	b.pattern(patternSubdomain, "matchFields[].values[]")
	b.pattern(patternLabel, "namespaces[]")
	b.add("{enum: [Exists, Equal]}", "tolerations[].operator")
	b.add(`{enum: ["", NoSchedule, PreferNoSchedule, NoExecute]}`, "tolerations[].effect")
	b.patternOrEmpty(patternLabelValue, "tolerations[].value", "matchLabels{}")
	b.patternOrEmpty("^$|"+patternKey, "tolerations[].key")
}

func (b additions) addVolumes() {
	b.pattern(patternLabel, "volumes[].name", "resourceClaims[].name")
	b.pattern(patternSubdomain, "resourceClaims[].resourceClaimName", "resourceClaims[].resourceClaimTemplateName", "persistentVolumeClaim.claimName", "volumes[].configMap.name", "secret.secretName", "nodePublishSecretRef.name")
	b.add(`{enum: ["", DirectoryOrCreate, Directory, FileOrCreate, File, Socket, CharDevice, BlockDevice]}`, "hostPath.type")
	b.require("name", "volumes[].configMap", "sources[].configMap", "sources[].secret", "nodePublishSecretRef")
	b.require("secretName", "volumes[].secret")
	b.require("reference", "volumes[].image")
	b.require("volumeClaimTemplate", "volumes[].ephemeral")
	b.require("containerName", "downwardAPI.items[].resourceFieldRef")
	b.add("{minLength: 1}", "downwardAPI.items[].resourceFieldRef.containerName")
	b.add("{minLength: 1}", "image.reference", "nfs.server")
	b.pattern(patternDriver, "csi.driver")
	b.patternOrEmpty("^$|"+patternSubdomain, "volumeClaimTemplate.spec.storageClassName", "volumeClaimTemplate.spec.volumeAttributesClassName")
	b.require("accessModes", "volumeClaimTemplate.spec")
	b.add("{minLength: 1}", "dataSource.kind", "dataSource.name", "dataSourceRef.kind", "dataSourceRef.name")
	b.patternOrEmpty(patternLabelValue, "volumeClaimTemplate.metadata.labels{}")
	b.add("{enum: [ReadWriteOnce, ReadWriteOncePod, ReadWriteMany, ReadOnlyMany]}", "volumeClaimTemplate.spec.accessModes[]")
	b.add("{enum: [Filesystem, Block]}", "volumeClaimTemplate.spec.volumeMode")
	b.patternOrEmpty(patternMedium, "emptyDir.medium")
	b.add("{enum: [Always, IfNotPresent, Never]}", "image.pullPolicy")
	b.add("{minimum: 0, maximum: 511}", "defaultMode", "items[].mode")
	b.pattern(patternRelativePath, "items[].path", "serviceAccountToken.path")
	b.add(`{pattern: "^/"}`, "nfs.path")
	b.add("{minLength: 1}", "volumeMounts[].mountPath")
	b.add("{enum: [None, HostToContainer, Bidirectional]}", "mountPropagation")
	b.add("{enum: [Disabled, IfPossible, Enabled]}", "recursiveReadOnly")
	b.add("{minLength: 1}", "claims[].name")
	b.patternOrEmpty("^$|"+patternLabel, "claims[].request")
}

func (b additions) addProjectedVolumes() {
	b.add("{minimum: 600, maximum: 4294967296}", "serviceAccountToken.expirationSeconds")
	b.pattern(patternRelativePath, "clusterTrustBundle.path", "podCertificate.keyPath", "podCertificate.certificateChainPath", "podCertificate.credentialBundlePath")
	b.pattern(patternSigner, "clusterTrustBundle.signerName", "podCertificate.signerName")
	b.pattern(patternTrustBundle, "clusterTrustBundle.name")
	b.add("{enum: [RSA3072, RSA4096, ECDSAP256, ECDSAP384, ECDSAP521, ED25519]}", "podCertificate.keyType")
	b.add("{minimum: 3600, maximum: 7862400}", "podCertificate.maxExpirationSeconds")
}

// addVolumesOfNodes is on volumes that nodes attach, by themselves or by a driver of CSI.
func (b additions) addVolumesOfNodes() {
	b.add("{minLength: 1}", "gcePersistentDisk.pdName", "awsElasticBlockStore.volumeID", "cinder.volumeID", "portworxVolume.volumeID", "vsphereVolume.volumePath",
		"azureFile.secretName", "azureFile.shareName", "azureDisk.diskName", "azureDisk.diskURI", "flexVolume.driver", "iscsi.targetPortal")
	b.add("{minimum: 0, maximum: 255}", "gcePersistentDisk.partition", "awsElasticBlockStore.partition", "iscsi.lun", "fc.lun")
	b.add("{enum: [Shared, Dedicated, Managed]}", "azureDisk.kind")
	b.add("{enum: [None, ReadOnly, ReadWrite]}", "azureDisk.cachingMode")
	b.pattern(patternTarget, "iscsi.iqn", "iscsi.initiatorName")
	b.require("name", "cinder.secretRef")
}

// visit adds the bounds of a schema at a path, and of what is below it.
func (b additions) visit(path string, schema *yaml.Node) error {
	if err := b.apply(path, schema); err != nil {
		return err
	}
	if properties := value(schema, "properties"); properties != nil {
		removeAbsent(path, properties)
		for i := 0; i+1 < len(properties.Content); i += 2 {
			if err := b.visit(path+"."+properties.Content[i].Value, properties.Content[i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	if items := value(schema, "items"); items != nil {
		return b.visit(path+"[]", items)
	}
	if values := value(schema, "additionalProperties"); values != nil {
		return b.visit(path+"{}", values)
	}
	if !isIntOrString(schema) { // Kubernetes requires the alternatives of its type as they are.
		for _, child := range schema.Content {
			if err := b.visit(path, child); err != nil {
				return err
			}
		}
	}
	return nil
}

func isIntOrString(schema *yaml.Node) bool { return value(schema, "x-kubernetes-int-or-string") != nil }

func removeAbsent(path string, properties *yaml.Node) {
	for _, field := range absent() {
		if dot := strings.LastIndex(field, "."); strings.HasSuffix(path, field[:dot]) {
			remove(properties, field[dot+1:])
		}
	}
}

// apply adds the most specific bound to a field, which has a type or is a number or a text.
func (b additions) apply(path string, schema *yaml.Node) error {
	if pattern := value(schema, "pattern"); pattern != nil && isIntOrString(schema) {
		pattern.Value = patternQuantity // That of controller-gen has quantities that cannot be decoded.
	}
	longest := ""
	for field := range b {
		if len(field) > len(longest) && strings.HasSuffix(path, field) && (value(schema, "type") != nil || isIntOrString(schema)) {
			longest = field
		}
	}
	if longest == "" {
		return nil
	}
	var addition yaml.Node
	if err := yaml.Unmarshal([]byte(b[longest]), &addition); err != nil {
		return fmt.Errorf("%s: %w", longest, err)
	}
	fields := addition.Content[0].Content
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i].Value == "required" {
			require(schema, fields[i+1].Content)
			continue
		}
		remove(schema, fields[i].Value)
		fields[i+1].Style = 0
		schema.Content = append(schema.Content, fields[i], fields[i+1])
	}
	return nil
}
