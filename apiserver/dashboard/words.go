package dashboard

import (
	"net/http"
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
	return map[language]table{english: {
		"accelerator": "Accelerator", "address": "Address", "age": "Age", "all": "All", "deployments": "Deployments",
		"devices": "Devices", "filter": "Apply", "language": "한국어", "model": "Model", "name": "Name", "next": "Next page",
		"none": "There are no deployments in the projects that you may see.", "noMatch": "No deployment matches.",
		"previous": "First page", "project": "Project", "ready": "Ready", "reset": "Clear filters", "search": "Name or model",
		"sort": "Sort by", "skip": "Skip to content", "stale": "Kubernetes is unreachable. This page shows the state of", "ago": "ago.",
		"state": "State", "templates": "Templates", "of": "of",
		"state.Ready": "Ready", "state.Starting": "Starting", "state.Degraded": "Degraded", "state.Error": "Error",
		"state.Pending": "Pending", "state.ScaledDown": "Scaled down",
	}, korean: {
		"accelerator": "가속기", "address": "주소", "age": "경과", "all": "전체", "deployments": "배포",
		"devices": "장치", "filter": "적용", "language": "English", "model": "모델", "name": "이름", "next": "다음 페이지",
		"none": "볼 수 있는 프로젝트에 배포가 없습니다.", "noMatch": "일치하는 배포가 없습니다.",
		"previous": "첫 페이지", "project": "프로젝트", "ready": "준비", "reset": "필터 지우기", "search": "이름 또는 모델",
		"sort": "정렬", "skip": "본문으로 이동", "stale": "Kubernetes에 연결할 수 없습니다. 이 페이지의 상태는", "ago": "전의 것입니다.",
		"state": "상태", "templates": "템플릿", "of": "/",
		"state.Ready": "준비됨", "state.Starting": "시작 중", "state.Degraded": "저하됨", "state.Error": "오류",
		"state.Pending": "대기 중", "state.ScaledDown": "축소됨",
	}}
}
