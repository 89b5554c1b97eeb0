package status

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "github.com/dudaji/nufi/schemas/v1"
)

// RayService is the part of a RayService that status reads. Its RayCluster has a head and workers. A
// change of the cluster makes another one, which is pending until it serves.
type RayService struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		RayClusterConfig struct {
			// Suspend is set by Kueue until it admits the cluster, which has no pods until then. Templates set no queue for a
			// RayService, but Kueue may: the LocalQueue "default", or manageJobsWithoutQueueName.
			Suspend          bool       `json:"suspend"`
			HeadGroupSpec    rayGroup   `json:"headGroupSpec"`
			WorkerGroupSpecs []rayGroup `json:"workerGroupSpecs"`
		} `json:"rayClusterConfig"`
	} `json:"spec"`
	Status struct {
		ObservedGeneration int64              `json:"observedGeneration"`
		Active             rayCluster         `json:"activeServiceStatus"`
		Pending            rayCluster         `json:"pendingServiceStatus"`
		Conditions         []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

// rayGroup is the head, or workers: numOfHosts pods for each replica.
type rayGroup struct {
	Replicas   *int32                 `json:"replicas"`
	NumOfHosts *int32                 `json:"numOfHosts"`
	Template   corev1.PodTemplateSpec `json:"template"`
}

type rayCluster struct {
	Name         string                    `json:"rayClusterName"`
	Applications map[string]rayApplication `json:"applicationStatuses"`
}

type rayApplication struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// NewRayService decodes a RayService of ray.io/v1.
func NewRayService(object *unstructured.Unstructured) (*RayService, error) {
	return decode[RayService](object)
}

// Labels of the pods of a RayCluster.
const (
	labelRayCluster = "ray.io/cluster"
	LabelRayNode    = "ray.io/node-type" // head or worker
)

func isHead(pod corev1.Pod) bool { return pod.Labels[LabelRayNode] == "head" }

func (s *RayService) desired() int {
	replicas := 0
	for _, group := range s.Spec.RayClusterConfig.WorkerGroupSpecs {
		replicas += orOne(group.Replicas)
	}
	return replicas
}

// size is the number of workers of one replica.
func (s *RayService) size() int {
	for _, group := range s.Spec.RayClusterConfig.WorkerGroupSpecs {
		return orOne(group.NumOfHosts)
	}
	return 1
}

// Workers is the number of workers of all replicas.
func (s *RayService) Workers() int { return s.desired() * s.size() }

func (s *RayService) podSpec(pod corev1.Pod) corev1.PodSpec {
	config := s.Spec.RayClusterConfig
	if isHead(pod) || len(config.WorkerGroupSpecs) == 0 {
		return config.HeadGroupSpec.Template.Spec
	}
	return config.WorkerGroupSpecs[0].Template.Spec
}

// current returns the RayCluster that has the current spec.
func (s *RayService) current() rayCluster {
	if s.Status.Pending.Name != "" {
		return s.Status.Pending
	}
	return s.Status.Active
}

// currentCluster returns the name of the current RayCluster, or empty while it is unknown.
func (s *RayService) currentCluster() string {
	if s.Status.ObservedGeneration < s.Generation {
		return ""
	}
	return s.current().Name
}

// IsServing reports whether a RayCluster, of any generation, answers requests: its endpoints are ready
// and all of its applications run. The condition Ready alone only means that there is an endpoint.
func (s *RayService) IsServing() bool {
	return meta.IsStatusConditionTrue(s.Status.Conditions, "Ready") && s.Status.Active.runs()
}

func (c rayCluster) runs() bool {
	return len(c.Applications) > 0 && c.firstNotRunning() == ""
}

// firstNotRunning returns the name of an application, or "".
func (c rayCluster) firstNotRunning() string {
	for _, name := range slices.Sorted(maps.Keys(c.Applications)) {
		if c.Applications[name].Status != "RUNNING" {
			return name
		}
	}
	return ""
}

// rayReplicas returns the number of replicas that have all their workers, and of those whose workers and
// head are ready. KubeRay does not record which workers serve a replica together.
func (r revision) rayReplicas(size int) (created, ready int) {
	hasHead := false
	for _, pod := range r.pods {
		switch {
		case isHead(pod):
			hasHead = isReady(pod)
		case isReady(pod):
			created, ready = created+1, ready+1
		default:
			created++
		}
	}
	if !hasHead {
		ready = 0
	}
	return created / size, ready / size
}

// rayAvailable evaluates a RayService first, and its pods only if that is inconclusive.
func rayAvailable(observed Observed, rev revision) result {
	service := observed.Workload.Ray
	if !rev.observed {
		text := "KubeRay has not acted on the RayService's last change yet"
		if service.Status.ObservedGeneration == 0 {
			text += ": check that it runs"
		}
		return diagnosis{v1.ReasonProgressing, text}.result()
	}
	if service.Spec.RayClusterConfig.Suspend {
		return observed.Workload.waitsIn("its queue").result()
	}
	desired := service.desired()
	created, ready := rev.rayReplicas(service.size())
	if ready >= desired && service.Status.Pending.Name == "" && service.IsServing() {
		return result{metav1.ConditionTrue, v1.ReasonAvailable, fmt.Sprintf("%d of %d replicas are ready, and Ray Serve runs", ready, desired)}
	}
	text := fmt.Sprintf("%d of %d replicas are ready", ready, desired)
	if created < desired {
		text += fmt.Sprintf(", %d not created yet", desired-created)
	} else if ready >= desired {
		text += ", Ray Serve not yet"
	}
	d := mostActionable(rejectedByNode(rev), diagnoseAll(observed, rev, 1+service.Workers()),
		applicationState(service.current()), diagnosis{v1.ReasonProgressing, text})
	if d.reason == v1.ReasonNoFreeDevice && len(rev.earlier) > 0 {
		d.message += "; a change of a RayService needs the devices of two clusters"
	}
	return d.besidePartial(observed).besideOthers(rev).result()
}

// applicationState diagnoses an application that does not run, although pods may be ready.
func applicationState(cluster rayCluster) diagnosis {
	name := cluster.firstNotRunning()
	application := cluster.Applications[name]
	text := fmt.Sprintf("application %s is %s", name, application.Status)
	if application.Message != "" {
		text += ": " + lastLine(application.Message)
	}
	switch application.Status {
	case "":
		return diagnosis{}
	case "DEPLOY_FAILED", "UNHEALTHY":
		return diagnosis{v1.ReasonApplicationFailed, text}
	}
	return diagnosis{v1.ReasonStarting, text}
}
