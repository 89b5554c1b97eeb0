package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"slices"

	"github.com/gorilla/mux"

	"github.com/dudaji/nufi/apiserver/kube"
	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
	"github.com/dudaji/nufi/apiserver/rest"
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

func (h *Handlers) assetRoute() rest.Route {
	return rest.Route{
		Operation: openapi.Operation{
			ID: "readAsset", Method: http.MethodGet, Path: "/assets/{asset}", Summary: "Read a file that pages load", Status: http.StatusOK,
			Returns: openapi.Content{Types: []string{"text/css", "text/javascript"}, Schema: map[string]any{"type": "string"}},
		},
		Handler: h.asset,
	}
}

func (h *Handlers) asset(w http.ResponseWriter, r *http.Request, _ *kube.UserClient) error {
	i := slices.IndexFunc(h.assets, func(a asset) bool { return a.path == "/assets/"+mux.Vars(r)["asset"] })
	if i < 0 {
		return problem.New(http.StatusNotFound, "there is nothing at this path")
	}
	w.Header().Set("Content-Type", h.assets[i].mediaType)
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	content := h.assets[i].content
	if setGzip(w, r) {
		content = h.assets[i].compressed
	}
	_, _ = w.Write(content) // an error means that the client has disconnected
	return nil
}
