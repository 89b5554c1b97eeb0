package api

import (
	"bytes"
	"unicode/utf8"

	"github.com/dudaji/nufi/apiserver/stream"
)

// maxLine is how much of a line is kept at a time. A longer one comes in parts.
const maxLine = 64 << 10

// block is a bufio.SplitFunc: all whole lines that are there, so that a burst of them is
// written at once, or a part of a line that has no end within maxLine.
func block(data []byte, atEOF bool) (int, []byte, error) {
	end := bytes.LastIndexByte(data, '\n') + 1
	switch {
	case end > 0:
	case atEOF:
		end = len(data)
	case len(data) >= maxLine:
		end = wholeRunes(data)
	}
	if end == 0 {
		return 0, nil, nil
	}
	return end, data[:end], nil
}

// wholeRunes is the length of data without a rune at its end that is not all there.
func wholeRunes(data []byte) int {
	for start := len(data) - 1; start > 0 && start > len(data)-utf8.UTFMax; start-- {
		if utf8.RuneStart(data[start]) && !utf8.FullRune(data[start:]) {
			return start
		}
	}
	return len(data)
}

// linesOf makes an event of each line of a block, or one named part of what has no end.
// Events are UTF-8, and a log may be anything.
func linesOf(text []byte) []byte {
	var frames []byte
	for line := range bytes.Lines(text) {
		event := stream.Event{}
		whole, ended := bytes.CutSuffix(line, []byte("\n"))
		if !ended {
			event.Name = "part"
		}
		event.Data = bytes.ToValidUTF8(whole, []byte("\uFFFD"))
		frames = append(frames, event.Frame()...)
	}
	return frames
}
