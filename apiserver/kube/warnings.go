package kube

import "context"

type warningsKey struct{}

// WithWarnings makes the calls with the context report Kubernetes' warnings, such as those of
// admission. The function may be called concurrently. Without it they are discarded: their
// text must not reach the server's log.
func WithWarnings(ctx context.Context, report func(text string)) context.Context {
	return context.WithValue(ctx, warningsKey{}, report)
}

// warnings is the handler of all clients of users.
type warnings struct{}

// HandleWarningHeaderWithContext reports a warning about a request.
func (warnings) HandleWarningHeaderWithContext(ctx context.Context, code int, _, text string) {
	if report, ok := ctx.Value(warningsKey{}).(func(string)); ok && code == 299 && text != "" {
		report(text)
	}
}
