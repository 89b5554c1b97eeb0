package program

import (
	"fmt"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLogger returns a logger for --log-level (debug, info, error) and --log-format (json, console).
func NewLogger(level, format string) (logr.Logger, error) {
	config := zap.NewProductionConfig()
	config.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	var err error
	if config.Level, err = zap.ParseAtomicLevel(level); err != nil {
		return logr.Logger{}, fmt.Errorf("--log-level: %w", err)
	}
	config.Encoding = format
	made, err := config.Build()
	if err != nil {
		return logr.Logger{}, fmt.Errorf("--log-format: %w", err)
	}
	return zapr.NewLogger(made), nil
}
