package fetchers

import (
	"context"
	"fmt"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Querier is all that this package wants of Prometheus: the newest sample of each series
// that an expression selects. A call returns once its context ends.
type Querier interface {
	Query(ctx context.Context, expression string, at time.Time) (Answer, error)
}

// Answer is what a query yields.
type Answer struct {
	Samples  []Sample
	Warnings []string
}

// Sample is one series' newest value.
type Sample struct {
	Labels Labeled
	Value  float64
	Time   time.Time
}

// Labeled gives a label's value, empty if there is none. The metric's name is __name__.
type Labeled interface {
	Get(name string) string
}

// NewQuerier asks through client_golang's API. See NewClient for one that is safe
// against whatever is at the other end.
func NewQuerier(api promv1.API) Querier { return querier{api} }

type querier struct{ api promv1.API }

func (q querier) Query(ctx context.Context, expression string, at time.Time) (Answer, error) {
	value, warnings, err := q.api.Query(ctx, expression, at)
	if err != nil {
		return Answer{}, named(err)
	}
	samples, err := samplesOf(value)
	return Answer{Samples: samples, Warnings: warnings}, err
}

func samplesOf(value model.Value) ([]Sample, error) {
	switch value := value.(type) {
	case model.Matrix:
		return newest(value), nil
	case model.Vector:
		samples := make([]Sample, 0, len(value))
		for _, sample := range value {
			if sample != nil && sample.Histogram == nil {
				samples = append(samples, Sample{metric(sample.Metric), float64(sample.Value), sample.Timestamp.Time()})
			}
		}
		return samples, nil
	default:
		return nil, fmt.Errorf("%w: a %T where series belong", ErrNotPrometheus, value)
	}
}

func newest(streams model.Matrix) []Sample {
	samples := make([]Sample, 0, len(streams))
	for _, stream := range streams {
		if stream == nil || len(stream.Values) == 0 {
			continue
		}
		last := stream.Values[len(stream.Values)-1]
		samples = append(samples, Sample{metric(stream.Metric), float64(last.Value), last.Timestamp.Time()})
	}
	return samples
}

type metric model.Metric

func (m metric) Get(name string) string { return string(m[model.LabelName(name)]) }
