package api

import (
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/dudaji/nufi/apiserver/problem"
)

const (
	// defaultTail is how many lines are read where nobody says.
	defaultTail = 1000
	// maxLog is how much of a log is read at a time. What is followed has no end.
	maxLog = 10 << 20
)

func logOptions(r *http.Request) (*corev1.PodLogOptions, error) {
	query := r.URL.Query()
	options := &corev1.PodLogOptions{Container: query.Get("container")}
	for name, field := range map[string]*bool{
		"follow": &options.Follow, "previous": &options.Previous, "timestamps": &options.Timestamps,
	} {
		var err error
		if *field, err = isSet(r, name); err != nil {
			return nil, err
		}
	}
	if !options.Follow {
		options.LimitBytes = ptr.To[int64](maxLog)
	}
	if text := query.Get("since"); text != "" {
		since, err := time.ParseDuration(text)
		if err != nil || since <= 0 {
			return nil, problem.New(http.StatusBadRequest, "since has to be a duration such as 90s or 1h30m")
		}
		options.SinceSeconds = ptr.To(int64((since + time.Second - 1) / time.Second))
	} else {
		options.TailLines = ptr.To[int64](defaultTail)
	}
	if text := query.Get("tail"); text != "" {
		tail, err := strconv.ParseInt(text, 10, 64)
		if err != nil || tail < 0 {
			return nil, problem.New(http.StatusBadRequest, "tail has to be a number of lines")
		}
		options.TailLines = &tail
	}
	return options, nil
}

// isSet reads a parameter that is true or false.
func isSet(r *http.Request, name string) (bool, error) {
	switch r.URL.Query().Get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, problem.New(http.StatusBadRequest, name+" has to be true or false")
}
