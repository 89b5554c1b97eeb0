package dashboard

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"

	"github.com/dudaji/nufi/apiserver/live"
	"github.com/dudaji/nufi/apiserver/stream"
)

// maxChanges bounds the frames that are kept for other tabs.
const maxChanges = 512

// rowChange is a change of a row of the list.
type rowChange struct {
	ID   string `json:"id"`
	HTML string `json:"html"` // empty if the row is not in the list any longer
	From state  `json:"from"` // that it was counted in; empty if it was not
	To   state  `json:"to"`   // that it is counted in; empty if it is not
}

func rowSchema() map[string]any {
	text := map[string]any{"type": "string"}
	return map[string]any{
		"type": "object", "properties": map[string]any{"id": text, "html": text, "from": text, "to": text},
		"required": []string{"id", "html", "from", "to"},
	}
}

// changeView is a change as tabs with equal filters and language show it.
type changeView struct {
	deploy        *live.Deploy // after the change, or the deleted one
	language      language
	before, after bool // it matches the filters apart from the state
	shown         bool // its row is in the list
}

// changeFrames renders each change once for all tabs that show it equally.
type changeFrames struct {
	views *views
	clock func() time.Time

	mu     sync.Mutex
	frames map[changeView][]byte
	order  []changeView // of frames, the oldest first
}

func newChangeFrames(views *views, clock func() time.Time) *changeFrames {
	return &changeFrames{views: views, clock: clock, frames: map[changeView][]byte{}}
}

// frame returns the event of a change, which must not be modified. The deployment before it is nil
// if there was none.
func (c *changeFrames) frame(view changeView, before *live.Deploy) ([]byte, error) {
	c.mu.Lock() // during the render, too: other tabs wait for its result
	defer c.mu.Unlock()
	if frame, ok := c.frames[view]; ok {
		return frame, nil
	}
	frame, err := c.render(view, before)
	if err != nil {
		return nil, err
	}
	if len(c.order) == maxChanges {
		delete(c.frames, c.order[0])
		c.order = append(c.order[:0], c.order[1:]...)
	}
	c.frames[view], c.order = frame, append(c.order, view)
	return frame, nil
}

func (c *changeFrames) render(view changeView, before *live.Deploy) ([]byte, error) {
	shown := newListRow(view.deploy, c.clock())
	change := rowChange{ID: shown.ID()}
	if view.before {
		change.From = before.State
	}
	if view.after {
		change.To = view.deploy.State
	}
	if view.shown {
		shown.Language = view.language
		var err error
		if change.HTML, err = c.views.row(shown); err != nil {
			return nil, err
		}
	}
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false) // it would double the size
	err := encoder.Encode(change)
	return stream.Event{Name: "row", Data: bytes.TrimSuffix(data.Bytes(), []byte("\n"))}.Frame(), err
}
