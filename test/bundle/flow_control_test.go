package bundle_test

import (
	"net/http"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/dudaji/nufi/test/harness"
)

// controllerHasPriority checks which schema classifies the controller's requests. The API server
// loads a new schema a moment after it was created.
func controllerHasPriority(h *harness.Harness) {
	config := h.ControllerConfig()
	controller, err := rest.HTTPClientFor(config)
	h.Must(err)
	for path, schema := range map[string]string{
		"/api/v1/namespaces/team/services": "nufi-controller",
		"/version":                         "nufi-controller",
		"/apis/coordination.k8s.io/v1/namespaces/team/leases/other":                        "nufi-controller",
		"/apis/coordination.k8s.io/v1/namespaces/" + namespace + "/leases/nufi-controller": "nufi-leader-election",
	} {
		desired := &flowcontrolv1.FlowSchema{ObjectMeta: metav1.ObjectMeta{Name: schema}}
		h.Get(desired)
		h.Await("schema "+schema+" to classify "+path, func() bool {
			request, err := http.NewRequestWithContext(h.Context(), http.MethodGet, config.Host+path, http.NoBody)
			h.Must(err)
			response, err := controller.Do(request)
			h.Must(err)
			h.Must(response.Body.Close())
			return response.Header.Get(flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID) == string(desired.UID)
		})
	}
}
