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
		"ask.delete": "Delete", "ask.restart": "Restart", "ask.scale": "Scale", "askAdmin": "An administrator of the project can grant it.",
		"breadcrumb": "Path", "cancel": "Cancel", "close": "Close", "code": "en", "container": "Container", "containers": "Containers",
		"count": "Count", "delete": "Delete", "deleting": "is being deleted", "details": "Details", "devicesEach": "Devices per replica",
		"done.restart": "The restart has begun: pods are replaced by the rollout strategy.",
		"done.scale":   "The number of replicas is set.", "download": "Download", "field": "Field", "image": "Image", "inProject": "in the project",
		"effect.delete":  "This deletes the deployment and all objects that it owns. Requests to its address fail at once.",
		"effect.restart": "Every pod is replaced by the rollout strategy. A deployment with one replica is unavailable meanwhile.",
		"effect.scale":   "Each replica needs devices of its own. 0 stops the server and frees them.",
		"message":        "Message", "missing": "You lack the permission", "noEvents": "There are no events.", "noPods": "There are no pods.", "node": "Node",
		"object": "Object", "origin": "Origin", "origins": "Where each field comes from", "outdated": "The spec has changed, and the controller has not evaluated it yet.",
		"pages": "Pages", "pod": "Pod", "previousContainer": "Before its restart", "progress": "Progress", "reason": "Reason", "replicas": "Replicas",
		"request": "Request", "restart": "Restart", "restarts": "Restarts", "scale": "Scale", "show": "Show", "typeName": "Type the name to confirm", "value": "Value",
		"keys": "Keys", "key.search": "Search", "key.help": "Show the keys", "offline": "The connection is lost. This page shows the state before; it connects again by itself.",
		"progress.Done": "done", "progress.Current": "waiting", "progress.Failed": "failed", "progress.Ahead": "not yet",
		"stage.Rendered": "Rendered", "stage.Applied": "Applied", "stage.Scheduled": "Scheduled", "stage.Pulled": "Pulled", "stage.Started": "Started",
		"stage.Ready": "Ready", "stage.Reachable": "Reachable",
		"tab.pods": "Pods", "tab.events": "Events", "tab.logs": "Logs", "tab.manifests": "Manifests", "tab.spec": "Spec",
	}, korean: {
		"accelerator": "가속기", "address": "주소", "age": "경과", "all": "전체", "deployments": "배포",
		"devices": "장치", "filter": "적용", "language": "English", "model": "모델", "name": "이름", "next": "다음 페이지",
		"none": "볼 수 있는 프로젝트에 배포가 없습니다.", "noMatch": "일치하는 배포가 없습니다.",
		"previous": "첫 페이지", "project": "프로젝트", "ready": "준비", "reset": "필터 지우기", "search": "이름 또는 모델",
		"sort": "정렬", "skip": "본문으로 이동", "stale": "Kubernetes에 연결할 수 없습니다. 이 페이지의 상태는", "ago": "전의 것입니다.",
		"state": "상태", "templates": "템플릿", "of": "/",
		"state.Ready": "준비됨", "state.Starting": "시작 중", "state.Degraded": "저하됨", "state.Error": "오류",
		"state.Pending": "대기 중", "state.ScaledDown": "축소됨",
		"ask.delete": "삭제:", "ask.restart": "재시작:", "ask.scale": "복제본 수 변경:", "askAdmin": "프로젝트 관리자가 부여할 수 있습니다.",
		"breadcrumb": "경로", "cancel": "취소", "close": "닫기", "code": "ko", "container": "컨테이너", "containers": "컨테이너",
		"count": "횟수", "delete": "삭제", "deleting": "삭제 중", "details": "상세", "devicesEach": "복제본당 장치",
		"done.restart": "재시작을 시작했습니다. 롤아웃 전략에 따라 파드를 교체합니다.",
		"done.scale":   "복제본 수를 설정했습니다.", "download": "다운로드", "field": "필드", "image": "이미지", "inProject": "프로젝트",
		"effect.delete":  "배포와 배포가 소유한 모든 객체를 삭제합니다. 이 주소로 보내는 요청은 즉시 실패합니다.",
		"effect.restart": "롤아웃 전략에 따라 모든 파드를 교체합니다. 복제본이 하나이면 그동안 사용할 수 없습니다.",
		"effect.scale":   "복제본마다 장치가 따로 필요합니다. 0이면 서버를 중지하고 장치를 반납합니다.",
		"message":        "메시지", "missing": "권한이 없습니다:", "noEvents": "이벤트가 없습니다.", "noPods": "파드가 없습니다.", "node": "노드",
		"object": "객체", "origin": "출처", "origins": "각 필드의 출처", "outdated": "사양이 변경되었으며 컨트롤러가 아직 평가하지 않았습니다.",
		"pages": "페이지", "pod": "파드", "previousContainer": "재시작 이전", "progress": "진행 상황", "reason": "이유", "replicas": "복제본 수",
		"request": "요청", "restart": "재시작", "restarts": "재시작 횟수", "scale": "크기 조정", "show": "보기", "typeName": "확인하려면 이름을 입력하세요", "value": "값",
		"keys": "단축키", "key.search": "검색", "key.help": "단축키 보기", "offline": "연결이 끊겼습니다. 이 페이지의 상태는 그 이전의 것이며, 자동으로 다시 연결합니다.",
		"progress.Done": "완료", "progress.Current": "대기 중", "progress.Failed": "실패", "progress.Ahead": "이전 단계 대기",
		"stage.Rendered": "렌더링", "stage.Applied": "적용", "stage.Scheduled": "스케줄링", "stage.Pulled": "이미지 준비", "stage.Started": "시작",
		"stage.Ready": "준비", "stage.Reachable": "접속 가능",
		"tab.pods": "파드", "tab.events": "이벤트", "tab.logs": "로그", "tab.manifests": "매니페스트", "tab.spec": "사양",
	}}
}
