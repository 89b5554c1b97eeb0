package rest

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

// MaxPage is the maximum and the default number of objects on a page.
const MaxPage = 1000

// Page is the part of a list that a client asks for.
type Page struct {
	Limit int
	After types.NamespacedName // the last object of the previous page
}

// PageParameters describes the parameters that PageOf reads.
func PageParameters() []openapi.Parameter {
	return []openapi.Parameter{
		{Name: "limit", Doc: "size of a page", Schema: openapi.Integer(1, MaxPage)},
		{Name: "continue", Doc: "metadata.continue of the previous page; empty: the first page", AllowEmpty: true},
	}
}

// PageOf reads the parameters limit and continue.
func PageOf(r *http.Request) (Page, error) {
	query, page := r.URL.Query(), Page{Limit: MaxPage}
	var err error
	if text := query.Get("limit"); text != "" {
		if page.Limit, err = strconv.Atoi(text); err != nil || page.Limit < 1 || page.Limit > MaxPage {
			return Page{}, problem.New(http.StatusBadRequest, "limit must be a number from 1 to "+strconv.Itoa(MaxPage))
		}
	}
	page.After, err = parseContinue(query.Get("continue"))
	return page, err
}

// Continue returns the token that continues a list after an object. It grants no
// access: a client that forges one starts at another object.
func Continue(last types.NamespacedName) string {
	return base64.RawURLEncoding.EncodeToString([]byte(last.Namespace + "/" + last.Name))
}

func parseContinue(token string) (types.NamespacedName, error) {
	if token == "" {
		return types.NamespacedName{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	namespace, name, ok := strings.Cut(string(text), "/")
	if err != nil || !ok {
		return types.NamespacedName{}, problem.New(http.StatusBadRequest, "continue must be metadata.continue of the previous page")
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}
