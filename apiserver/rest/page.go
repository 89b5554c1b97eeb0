package rest

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/dudaji/nufi/apiserver/openapi"
	"github.com/dudaji/nufi/apiserver/problem"
)

// MaxPage is the maximum and the default number of objects on a page.
const MaxPage = 1000

// Page is the part of a list that a client requests.
type Page struct {
	Limit int      // 0: MaxPage
	After Position // the last object of the previous page
}

// Position is the position of an object in a list.
type Position struct {
	Namespace, Name string
	Sort, Value     string // the key that the list is sorted by, and its value; empty: by namespace and name
}

// IsZero reports whether the position is before the first object.
func (p Position) IsZero() bool { return p == Position{} }

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
func Continue(last Position) string {
	text := last.Namespace + "/" + last.Name
	if last.Sort != "" {
		text += "/" + last.Sort + "/" + last.Value
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func parseContinue(token string) (Position, error) {
	if token == "" {
		return Position{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	parts := strings.SplitN(string(text), "/", 4) // a value may contain a slash
	switch {
	case err == nil && len(parts) == 2:
		return Position{Namespace: parts[0], Name: parts[1]}, nil
	case err == nil && len(parts) == 4:
		return Position{Namespace: parts[0], Name: parts[1], Sort: parts[2], Value: parts[3]}, nil
	}
	return Position{}, problem.New(http.StatusBadRequest, "continue must be metadata.continue of the previous page")
}
