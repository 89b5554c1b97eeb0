package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"slices"

	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

//go:embed assets pages
var files embed.FS

// asset is a file that pages load. Its path has a digest of its content, so that browsers
// keep it and load another version at once.
type asset struct {
	path, mediaType string
	content         []byte
	compressed      []byte
}

func newAsset(name, mediaType string) (asset, error) {
	content, err := files.ReadFile("assets/" + name)
	if err != nil {
		return asset{}, err
	}
	digest := sha256.Sum256(content)
	return asset{"/assets/" + hex.EncodeToString(digest[:8]) + "-" + name, mediaType, content, (&compressors{}).compress(content)}, nil
}

// AssetPath is the path of Asset.
const AssetPath = "/assets/{asset}"

// AssetOperation describes Asset.
func AssetOperation() openapi.Operation {
	return openapi.Operation{
		ID: "readAsset", Method: http.MethodGet, Path: AssetPath, Public: true, Summary: "Read a file that pages load",
		Status: http.StatusOK, Errors: []int{http.StatusNotFound},
		Returns: openapi.Content{Types: []string{"text/css", "text/javascript"}, Schema: map[string]any{"type": "string"}},
	}
}

// Asset serves a file to everybody: browsers without credentials get errors as pages.
func (h *Handlers) Asset(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(h.assets, func(a asset) bool { return a.path == r.URL.Path })
	if i < 0 {
		problem.WriteStatus(w, r, http.StatusNotFound, "there is nothing at this path")
		return
	}
	w.Header().Set("Content-Type", h.assets[i].mediaType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	content := h.assets[i].content
	if setGzip(w, r) {
		content = h.assets[i].compressed
	}
	_, _ = w.Write(content) // an error means that the client has disconnected
}
