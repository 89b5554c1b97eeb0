package fetchers

import (
	"context"
	"time"
)

// Querier is all that this package wants of Prometheus: the newest sample of each series
// that an expression selects. A call returns once its context ends. See NewClient.
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
