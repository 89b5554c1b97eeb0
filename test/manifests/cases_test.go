package manifests_test

import "slices"

type podCase struct {
	fields    string
	isInvalid bool
}

// podCases returns fields of spec.inferenceServer, in YAML.
func podCases() []podCase {
	var cases []podCase
	for _, fields := range validFields() {
		cases = append(cases, podCase{fields: fields})
	}
	for _, fields := range slices.Concat(invalidContainers(), invalidPods()) {
		cases = append(cases, podCase{fields: fields, isInvalid: true})
	}
	return cases
}

func validFields() []string {
	return []string{
		`{env: [{name: A, value: "1"}, {name: 1-a.b, value: "1"}, {name: B, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]}`,
		`{env: [{name: A, value: ""}, {name: B, valueFrom: {secretKeyRef: {name: a, key: .b}}}, {name: C, valueFrom: {configMapKeyRef: {name: a, key: b}}}]}`,
		`{env: [{name: A, valueFrom: {fieldRef: {fieldPath: "metadata.labels['a']"}}}, {name: B, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}]}`,
		`{env: [{name: A}]}`,
		`{envFrom: [{secretRef: {name: a}}, {prefix: A_, configMapRef: {name: a, optional: true}}]}`,
		`{ports: [{name: a-1, containerPort: 9000}]}`,
		`{probes: {startup: {httpGet: {path: /, port: http, scheme: HTTPS, httpHeaders: [{name: X-A, value: b}]}, periodSeconds: 1}}}`,
		`{probes: {readiness: {exec: {command: [a]}, successThreshold: 2}, liveness: {grpc: {port: 9}, terminationGracePeriodSeconds: 5}}}`,
		`{probes: {liveness: {tcpSocket: {port: 9}, initialDelaySeconds: 0, timeoutSeconds: 0}}}`,
		`{securityContext: {seccompProfile: {type: RuntimeDefault}, runAsUser: 0, runAsGroup: 5, readOnlyRootFilesystem: true}}`,
		`{podSecurityContext: {seccompProfile: {type: Localhost, localhostProfile: a/b.json}, fsGroup: 0, supplementalGroups: [5], fsGroupChangePolicy: OnRootMismatch}}`,
		`{securityContext: {appArmorProfile: {type: Localhost, localhostProfile: a}}}`,
		`{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, minDomains: 2}, {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}`,
		`{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, nodeAffinityPolicy: Ignore, nodeTaintsPolicy: Honor, labelSelector: {matchLabels: {a: b}}, matchLabelKeys: [pod-template-hash]}]}`,
		`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: In, values: [b]}, {key: a, operator: Gt, values: ["5"]}, {key: c, operator: DoesNotExist}], matchFields: [{key: metadata.name, operator: In, values: [node]}]}]}}}}`,
		`{affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchExpressions: [{key: a, operator: Exists}]}}]}}}`,
		`{tolerations: [{operator: Exists}, {key: a, value: b}, {key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 5}, {key: a.b/c, operator: Equal, value: ""}]}`,
		`{volumes: [{name: a, emptyDir: {medium: Memory, sizeLimit: 1Gi}}, {name: b, configMap: {name: c, items: [{key: d, path: e/f, mode: 420}], defaultMode: 0}}, {name: c, secret: {secretName: d}}, {name: d, persistentVolumeClaim: {claimName: e}}]}`,
		`{volumes: [{name: a}]}`,
		`{volumes: [{name: a, projected: {sources: [{secret: {name: b}}, {configMap: {name: b}}, {serviceAccountToken: {path: t, expirationSeconds: 600}}]}}, {name: b, nfs: {server: s, path: /a}}, {name: c, csi: {driver: d}}, {name: d, image: {reference: r}}, {name: e, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.labels}}]}}]}`,
		`{volumes: [{name: a, emptyDir: {}}], volumeMounts: [{name: a, mountPath: /a, subPath: b/c, mountPropagation: HostToContainer}, {name: a, mountPath: b, readOnly: true, recursiveReadOnly: IfPossible}]}`,
		`{volumes: [{name: a, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}]}`,
		`{resources: {limits: {cpu: "2", memory: 1Gi, ephemeral-storage: 1Gi, rdma/hca: "1"}, requests: {cpu: "1", memory: 1Gi}}}`,
		`{resources: {limits: {hugepages-2Mi: 4Mi, memory: 1Gi}}}`,
		`{resources: {limits: {nvidia.com/gpu: 2}, requests: {nvidia.com/gpu: "2"}}}`,
		`{resourceClaims: [{name: a, resourceClaimName: b}, {name: b, resourceClaimTemplateName: c}, {name: nic, resourceClaimName: d}], resources: {claims: [{name: a}, {name: b, request: c}, {name: nic}]}}`,
		`{imagePullSecrets: [{name: a}, {name: b.c}]}`,
		`{initContainers: [{name: a, image: b}, {name: b, image: b, restartPolicy: Always, env: [{name: A, value: "1"}], resources: {limits: {cpu: "1"}}}]}`,
		`{nodeSelector: {a.b/c: D_e.f}, schedulerName: a, runtimeClassName: b.c, terminationGracePeriodSeconds: 5}`,
	}
}

func invalidContainers() []string {
	return []string{
		// Variables.
		`{env: [{name: A, value: "1", valueFrom: {fieldRef: {fieldPath: status.podIP}}}]}`,
		`{env: [{name: A, valueFrom: {}}]}`,
		`{env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.podIP}, secretKeyRef: {name: a, key: b}}}]}`,
		`{env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.hosts}}}]}`,
		`{env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.gpu}}}]}`,
		`{env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1m}}}]}`,
		`{env: [{name: A, valueFrom: {secretKeyRef: {name: a, key: b/c}}}]}`,
		`{env: [{name: A, valueFrom: {secretKeyRef: {key: b}}}]}`,
		`{env: [{name: A, valueFrom: {configMapKeyRef: {name: a, key: ""}}}]}`,
		`{env: [{name: "", value: "1"}]}`,
		`{env: [{name: A=B, value: "1"}]}`,
		`{envFrom: [{}]}`,
		`{envFrom: [{secretRef: {name: a}, configMapRef: {name: a}}]}`,
		`{envFrom: [{secretRef: {}}]}`,
		`{envFrom: [{prefix: "A=", secretRef: {name: a}}]}`,
		// Ports.
		`{ports: [{name: "9090", containerPort: 9000}]}`,
		`{ports: [{name: a--b, containerPort: 9000}]}`,
		`{ports: [{name: sixteen-letters-, containerPort: 9000}]}`,
		`{ports: [{name: a, containerPort: 9000}, {name: a, containerPort: 9001}]}`,
		// Probes.
		`{probes: {startup: {}}}`,
		`{probes: {startup: {periodSeconds: 5}}}`,
		`{probes: {startup: {httpGet: {port: http}, tcpSocket: {port: 9}}}}`,
		`{probes: {readiness: {httpGet: {port: 0}}}}`,
		`{probes: {readiness: {httpGet: {port: 70000}}}}`,
		`{probes: {readiness: {httpGet: {port: a--b}}}}`,
		`{probes: {readiness: {tcpSocket: {port: ""}}}}`,
		`{probes: {readiness: {httpGet: {port: http, scheme: FTP}}}}`,
		`{probes: {readiness: {httpGet: {port: http, scheme: https}}}}`,
		`{probes: {readiness: {httpGet: {port: http, httpHeaders: [{name: "a b", value: c}]}}}}`,
		`{probes: {readiness: {exec: {}}}}`,
		`{probes: {readiness: {grpc: {port: 0}}}}`,
		`{probes: {readiness: {httpGet: {port: http}, periodSeconds: -1}}}`,
		`{probes: {readiness: {httpGet: {port: http}, timeoutSeconds: -1}}}`,
		`{probes: {readiness: {httpGet: {port: http}, initialDelaySeconds: -1}}}`,
		`{probes: {readiness: {httpGet: {port: http}, failureThreshold: -1}}}`,
		`{probes: {readiness: {httpGet: {port: http}, successThreshold: -1}}}`,
		`{probes: {liveness: {httpGet: {port: http}, successThreshold: 2}}}`,
		`{probes: {startup: {httpGet: {port: http}, successThreshold: 2}}}`,
		`{probes: {readiness: {httpGet: {port: http}, terminationGracePeriodSeconds: 5}}}`,
		`{probes: {liveness: {httpGet: {port: http}, terminationGracePeriodSeconds: 0}}}`,
		// Resources.
		`{resources: {limits: {cpu: "-1"}}}`,
		`{resources: {limits: {cpu: "1"}, requests: {cpu: "2"}}}`,
		`{resources: {limits: {gpu: "1"}}}`,
		`{resources: {limits: {"a b/c": "1"}}}`,
		`{resources: {limits: {rdma/hca: "0.5"}}}`,
		`{resources: {requests: {rdma/hca: "1"}}}`,
		`{resources: {requests: {hugepages-2Mi: 4Mi}}}`,
		`{resources: {limits: {memory: 1Gi, hugepages-2Mi: 4Mi}, requests: {hugepages-2Mi: 2Mi}}}`,
		`{resourceClaims: [{name: a}]}`,
		`{resourceClaims: [{name: a, resourceClaimName: b, resourceClaimTemplateName: c}]}`,
		`{resourceClaims: [{name: A, resourceClaimName: b}]}`,
		`{resourceClaims: [{name: a, resourceClaimName: ""}]}`,
		`{resourceClaims: [{name: a, resourceClaimName: B}]}`,
		`{resourceClaims: [{name: a, resourceClaimName: b}, {name: a, resourceClaimName: c}]}`,
		`{resourceClaims: [{name: a, resourceClaimName: b}], resources: {claims: [{name: a}, {name: a}]}}`,
		`{resourceClaims: [{name: a, resourceClaimName: b}], resources: {claims: [{name: a}, {name: a, request: b}]}}`,
		`{resourceClaims: [{name: a, resourceClaimName: b}], resources: {claims: [{name: c}]}}`,
		`{resources: {claims: [{name: ""}]}}`,
		// Init containers.
		`{initContainers: [{name: a, image: b, env: [{name: A, value: "1", valueFrom: {fieldRef: {fieldPath: status.podIP}}}]}]}`,
		`{initContainers: [{name: a, image: b, envFrom: [{}]}]}`,
		`{initContainers: [{name: a, image: b, resources: {limits: {cpu: "1"}, requests: {cpu: "2"}}}]}`,
		`{initContainers: [{name: a, image: b, securityContext: {seccompProfile: {type: Localhost}}}]}`,
		`{initContainers: [{name: a, image: b, volumeMounts: [{name: c, mountPath: /a}]}]}`,
		`{volumes: [{name: a, emptyDir: {}}], initContainers: [{name: a, image: b, volumeMounts: [{name: a, mountPath: /a}, {name: a, mountPath: /a}]}]}`,
	}
}

func invalidPods() []string {
	return []string{
		// Security contexts.
		`{podSecurityContext: {seccompProfile: {type: Localhost}}}`,
		`{podSecurityContext: {seccompProfile: {type: Localhost, localhostProfile: /a}}}`,
		`{podSecurityContext: {seccompProfile: {type: Localhost, localhostProfile: ../a}}}`,
		`{podSecurityContext: {seccompProfile: {type: RuntimeDefault, localhostProfile: a}}}`,
		`{securityContext: {seccompProfile: {type: runtime/default}}}`,
		`{securityContext: {appArmorProfile: {type: Localhost}}}`,
		`{securityContext: {appArmorProfile: {type: RuntimeDefault, localhostProfile: a}}}`,
		`{securityContext: {appArmorProfile: {type: Own}}}`,
		`{securityContext: {runAsUser: -1}}`,
		`{securityContext: {runAsGroup: -1}}`,
		`{podSecurityContext: {fsGroup: -1}}`,
		`{podSecurityContext: {runAsUser: 4294967296}}`,
		`{podSecurityContext: {supplementalGroups: [-1]}}`,
		`{podSecurityContext: {fsGroupChangePolicy: Never}}`,
		`{podSecurityContext: {supplementalGroupsPolicy: Never}}`,
		`{securityContext: {procMount: Masked}}`,
		// Placement.
		`{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: Never}]}`,
		`{topologySpreadConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}`,
		`{topologySpreadConstraints: [{maxSkew: 1, topologyKey: "", whenUnsatisfiable: DoNotSchedule}]}`,
		`{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}, {maxSkew: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}`,
		`{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, minDomains: 0}]}`,
		`{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, minDomains: 2}]}`,
		`{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, nodeAffinityPolicy: Never}]}`,
		`{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Never}]}`,
		`{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchExpressions: [{key: a, operator: Is}]}}]}`,
		`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}}}`,
		`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Is, values: [b]}]}]}}}}`,
		`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: In}]}]}}}}`,
		`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists, values: [b]}]}]}}}}`,
		`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Gt, values: [b, c]}]}]}}}}`,
		`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a b, operator: Exists}]}]}}}}`,
		`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchFields: [{key: spec.name, operator: In, values: [a]}]}]}}}}`,
		`{affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, preference: {matchExpressions: [{key: a, operator: Exists}]}}]}}}`,
		`{affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 101, podAffinityTerm: {topologyKey: a}}]}}}`,
		`{affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: ""}]}}}`,
		`{affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: a b}]}}}`,
		`{affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: a, namespaces: [A]}]}}}`,
		`{affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: a, labelSelector: {matchExpressions: [{key: a, operator: In}]}}]}}}`,
		`{affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: a, labelSelector: {matchLabels: {a b: c}}}]}}}`,
		`{tolerations: [{key: a, operator: Exists, value: b}]}`,
		`{tolerations: [{key: a, operator: In, value: b}]}`,
		`{tolerations: [{operator: Equal, value: b}]}`,
		`{tolerations: [{value: b}]}`,
		`{tolerations: [{key: a, operator: Exists, tolerationSeconds: 5}]}`,
		`{tolerations: [{key: a, operator: Exists, effect: Never}]}`,
		`{tolerations: [{key: a b, operator: Exists}]}`,
		`{tolerations: [{key: a, value: b c}]}`,
		`{nodeSelector: {a b: c}}`,
		`{nodeSelector: {a: b c}}`,
		`{runtimeClassName: A}`,
		// Volumes.
		`{volumes: [{name: A, emptyDir: {}}]}`,
		`{volumes: [{name: "", emptyDir: {}}]}`,
		`{volumes: [{name: a, emptyDir: {}, secret: {secretName: b}}]}`,
		`{volumes: [{name: a, emptyDir: {sizeLimit: "-1"}}]}`,
		`{volumes: [{name: a, hostPath: {path: /mnt/data/a, type: Folder}}]}`,
		`{volumes: [{name: a, configMap: {}}]}`,
		`{volumes: [{name: a, configMap: {name: b, defaultMode: 512}}]}`,
		`{volumes: [{name: a, configMap: {name: b, items: [{key: c, path: /d}]}}]}`,
		`{volumes: [{name: a, configMap: {name: b, items: [{key: c, path: ../d}]}}]}`,
		`{volumes: [{name: a, secret: {}}]}`,
		`{volumes: [{name: a, secret: {secretName: b, defaultMode: -1}}]}`,
		`{volumes: [{name: a, persistentVolumeClaim: {claimName: ""}}]}`,
		`{volumes: [{name: a, nfs: {server: "", path: /a}}]}`,
		`{volumes: [{name: a, nfs: {server: b, path: a}}]}`,
		`{volumes: [{name: a, csi: {driver: ""}}]}`,
		`{volumes: [{name: a, image: {}}]}`,
		`{volumes: [{name: a, image: {reference: b, pullPolicy: Sometimes}}]}`,
		`{volumes: [{name: a, ephemeral: {}}]}`,
		`{volumes: [{name: a, projected: {sources: [{serviceAccountToken: {path: a, expirationSeconds: 5}}]}}]}`,
		`{volumes: [{name: a, downwardAPI: {items: [{path: a}]}}]}`,
		`{volumes: [{name: a, emptyDir: {}}], volumeMounts: [{name: a, mountPath: ""}]}`,
		`{volumes: [{name: a, emptyDir: {}}], volumeMounts: [{name: a, mountPath: /a, subPath: /b}]}`,
		`{volumes: [{name: a, emptyDir: {}}], volumeMounts: [{name: a, mountPath: /a, subPath: ../b}]}`,
		`{volumes: [{name: a, emptyDir: {}}], volumeMounts: [{name: a, mountPath: /a, subPath: b, subPathExpr: c}]}`,
		`{volumes: [{name: a, emptyDir: {}}], volumeMounts: [{name: a, mountPath: /a, mountPropagation: Both}]}`,
		`{volumes: [{name: a, emptyDir: {}}], volumeMounts: [{name: a, mountPath: /a, mountPropagation: Bidirectional}]}`,
		`{volumes: [{name: a, emptyDir: {}}], volumeMounts: [{name: a, mountPath: /a, recursiveReadOnly: Enabled}]}`,
		`{volumes: [{name: a, emptyDir: {}}], volumeMounts: [{name: a, mountPath: /a}, {name: a, mountPath: /a}]}`,
	}
}
