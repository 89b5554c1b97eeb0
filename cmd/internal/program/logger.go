package program

import (
	"fmt"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// NewLogger returns a logger to standard error for --log-level (debug, info, error) and
// --log-format (json, console). It writes every line: zap's production configuration would
// drop repeated messages.
func NewLogger(level, format string) (logr.Logger, error) {
	config := zap.NewProductionConfig()
	config.Sampling = nil
	config.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	var err error
	if config.Level, err = zap.ParseAtomicLevel(level); err != nil {
		return logr.Logger{}, fmt.Errorf("--log-level: %w", err)
	}
	config.Encoding = format
	logger, err := config.Build()
	if err != nil {
		return logr.Logger{}, fmt.Errorf("--log-format: %w", err)
	}
	return zapr.NewLogger(logger), nil
}

// SetLibraryLogger makes controller-runtime and client-go log to logger. Without a logger,
// controller-runtime prints a warning with a stack trace.
func SetLibraryLogger(logger logr.Logger) {
	log.SetLogger(logger)
	klog.SetLogger(logger.WithName("client-go"))
}
