package api

import (
	"net/http"
	"strconv"
	"time"
)

// stale says that an answer is as old as since, and nothing if that is zero.
func (a *API) stale(w http.ResponseWriter, since time.Time) {
	if since.IsZero() {
		return
	}
	age := max(0, a.options.Clock().Sub(since))
	w.Header().Set("Age", strconv.Itoa(int(age.Seconds())))
	w.Header().Set("Warning", `110 - "Response is Stale"`)
}

// incomplete says that what the person may see is not all known while Kubernetes is away,
// and that the answer has only what is.
func incomplete(w http.ResponseWriter, leftOut bool) {
	if leftOut {
		w.Header().Add("Warning", `199 - "Response is Incomplete"`)
	}
}
