package dashboard

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// language is a language of the pages, as HTML names it.
type language string

const (
	english language = "en"
	korean  language = "ko"
)

// languageParameter is the query parameter that overrides Accept-Language.
const languageParameter = "lang"

// url returns the URL of a page in the language, with the names and values of other parameters.
func (l language) url(path string, parameters ...string) string {
	query := url.Values{languageParameter: {string(l)}}
	for pair := range slices.Chunk(parameters, 2) {
		query.Set(pair[0], pair[1])
	}
	return path + "?" + query.Encode()
}

func (l language) other() language {
	if l == english {
		return korean
	}
	return english
}

// languageOf returns the language that a request asks for, which is English by default.
func languageOf(r *http.Request) language {
	switch chosen := language(r.URL.Query().Get(languageParameter)); chosen {
	case english, korean:
		return chosen
	}
	best, quality := english, 0.0
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, weight, weighted := strings.Cut(strings.TrimSpace(part), ";q=")
		q := 1.0
		if weighted {
			q, _ = strconv.ParseFloat(weight, 64) // an invalid weight is none
		}
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if l := language(primary); (l == english || l == korean) && q > quality {
			best, quality = l, q
		}
	}
	return best
}

// table has the words of one language, by key.
type table map[string]string

// word returns a word. A test checks that every key of a page exists.
func (t table) word(key string) string { return t[key] }

// words returns the words of each language.
func words() map[language]table {
	return map[language]table{
		english: merged(englishWords(), englishOperatorWords()),
		korean:  merged(koreanWords(), koreanOperatorWords()),
	}
}

func merged(tables ...table) table {
	all := table{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}
